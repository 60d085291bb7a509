"""What every process of tests does first."""

# huggingface_hub reads its settings once: ours have to be there before transformers imports it.
import dashsearch.clips.hub  # noqa: F401
