"""Calls of language models: joined over rounds, and summed up for people."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.ledger.schema import CALL_COLUMNS
from dashsearch.tables import frame_of, read_table

PROMPT_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens")


def join_calls(calls: Sequence[str | Path]) -> pd.DataFrame:
    """Join tables of calls, in the order given (none: an empty table)."""
    frames = [read_table(path, CALL_COLUMNS) for path in calls]
    return pd.concat(frames, ignore_index=True) if frames else frame_of([], CALL_COLUMNS)


def summarise_calls(calls: pd.DataFrame) -> list[dict[str, Any]]:
    """Sum up calls by arm name and agent, over seeds.

    Returns
    -------
    list of dict
        ``arm``, ``agent``, ``models`` that answered, ``n`` calls, ``useful`` ones (outcome ok),
        ``repetitions``, tokens of ``prompts`` and of ``replies``, ``usd`` (None if a price is not
        known), and the median seconds of a call.
    """
    rows = []
    for (arm, agent), own in calls.groupby(["arm", "agent"], sort=False):
        usd = float(own["usd"].sum(skipna=False))
        rows.append(
            {
                "arm": str(arm),
                "agent": str(agent),
                "models": sorted({str(model) for model in own["model"] if model}),
                "n": len(own),
                "useful": int((own["outcome"] == "ok").sum()),
                "repetitions": int((own["attempts"] - 1).clip(lower=0).sum()),
                "prompts": int(own[list(PROMPT_TOKENS)].to_numpy().sum()),
                "replies": int(own["output_tokens"].sum()),
                "usd": None if math.isnan(usd) else usd,
                "seconds": float(own["latency_s"].median()),
            }
        )
    return rows
