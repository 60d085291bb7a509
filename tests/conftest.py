"""What every process of tests does first."""

import os

# huggingface_hub reads its settings once: ours have to be there before transformers imports it.
import dashsearch.clips.hub  # noqa: F401

# Every start of Snakemake lets its Slurm plugin ask the controller; where Slurm is installed and
# not running, that waits for ten seconds. Only the cluster's tests want an answer.
os.environ["SLURM_CONF"] = os.devnull
