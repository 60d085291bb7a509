"""Equal terms: the start that all arms share, the audits of adaptive arms, and their budgets."""

from dataclasses import dataclass

import numpy as np

from dashsearch.seeds import derive_seed
from dashsearch.space.sampling import draw_cells
from dashsearch.space.space import Space


@dataclass(frozen=True)
class Terms:
    """The rules that every arm plays by, beside its number of experiments.

    Attributes
    ----------
    shared_start
        Cells, drawn uniformly, that all arms of a task and seed begin with.
    audit_share
        Share of the experiments behind the start that is drawn uniformly instead of being asked
        for: unbiased for every statistic, and an exchangeable baseline within the arm.
    train_s, usd
        Seconds of training and money after which the arm proposes nothing more; None: no limit.
    usd_per_hour
        Price of an hour of training.
    """

    shared_start: int = 0
    audit_share: float = 0.0
    train_s: float | None = None
    usd: float | None = None
    usd_per_hour: float = 0.0

    def spent(self, train_s: float) -> str:
        """Say which budget `train_s` seconds of training have used up, "" while none has been."""
        if self.train_s is not None and train_s >= self.train_s:
            return f"{train_s:.0f} of {self.train_s:.0f} s of training are spent"
        usd = self.price_of(train_s)
        if self.usd is not None and usd >= self.usd:
            return f"{usd:.2f} of {self.usd:.2f} USD are spent"
        return ""

    def price_of(self, train_s: float) -> float:
        """Return what so many seconds of training cost in USD."""
        return train_s * self.usd_per_hour / 3600

    def is_audit(self, place: int, done: int) -> bool:
        """Say whether the experiment at `place` (from 0 behind the start) is an audit.

        Audits are spread evenly, so that any first part of an arm holds its share of them; `done`
        were made before.
        """
        return int((place + 1) * self.audit_share) > done


def start_cells(
    space: Space, terms: Terms, *, campaign_seed: int, task: str, arm_seed: int
) -> list[int]:
    """Return the start that every arm of this task and seed has; all cells of a smaller space."""
    rng = np.random.default_rng(derive_seed(campaign_seed, task, "shared start", arm_seed))
    return draw_cells(space, min(terms.shared_start, space.size), rng)


def audit_cell(space: Space, *names: str | int) -> int:
    """Draw the cell of one audit, uniformly over the whole space whatever came before."""
    return int(np.random.default_rng(derive_seed(*names)).integers(space.size))
