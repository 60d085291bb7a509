"""Write the embedded language model as safetensors, from which it loads in a second."""

from dashsearch.files import replacing_folder, write_json
from dashsearch.jobs import job
from dashsearch.provenance import provenance
from dashsearch.search.agents.causal_model import unpack_model

with job(snakemake.log[0]), replacing_folder(snakemake.output.model) as folder:
    inputs = unpack_model(snakemake.wildcards.model, folder)
    note = provenance("model/1", libraries=("torch", "transformers"), inputs=inputs)
    write_json(folder / "provenance.json", note)
