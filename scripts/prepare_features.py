"""Standardise and reduce a backbone's features, fitted on the training clips only."""

from dashsearch.clips.splits import read_splits
from dashsearch.clips.window_index import read_window_index
from dashsearch.features.store import read_features
from dashsearch.jobs import job
from dashsearch.provenance import provenance
from dashsearch.training.prepare import prepare
from dashsearch.training.store import PREPARED_SCHEMA, write_prepared

with job(snakemake.log[0]):
    features = read_features(snakemake.input.features, read_window_index(snakemake.input.index))
    splits = read_splits(snakemake.input.splits)
    components = snakemake.params.components
    note = provenance(
        PREPARED_SCHEMA,
        libraries=("numpy", "scikit-learn"),
        inputs={"features": features.digest, "splits": splits["digest"]},
        settings={"components": components},
    )
    write_prepared(snakemake.output.prepared, prepare(features, splits, components), note)
