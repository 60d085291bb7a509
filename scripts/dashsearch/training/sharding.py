"""Dividing a round among several jobs, so that what trains together stays together."""

from collections.abc import Sequence

from dashsearch.ledger.schema import Proposal
from dashsearch.space.space import Space

# Factors that decide which experiments can share a stack, the most important first.
SHAPING = ("encoder", "hidden_size", "layers", "epochs", "batch_size", "sequence_length")


def shard_of(
    proposals: Sequence[Proposal], space: Space, shard: int, shards: int
) -> list[Proposal]:
    """Return the proposals of one shard, in slot order.

    Experiments are divided evenly along the order of their shapes; what is not trained belongs to
    the first shard. Every proposal is in exactly one shard.
    """

    def shape(proposal: Proposal) -> list[tuple[str, str]]:
        cell = space.cell(proposal.cell)
        shaping = [(name, str(cell[name])) for name in SHAPING if name in cell]
        return [*shaping, ("fidelity", str(proposal.fidelity))]

    trained = sorted((p for p in proposals if not p.status), key=shape)
    bounds = [round(place * len(trained) / shards) for place in (shard, shard + 1)]
    own = trained[bounds[0] : bounds[1]]
    rest = [p for p in proposals if p.status] if shard == 0 else []
    return sorted(own + rest, key=lambda proposal: proposal.slot)
