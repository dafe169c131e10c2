"""Rounds: every contestant once in each, one after the other, and what comes out of them.

Machines drift, and others use them: so only the ratio of two runs of the same round means something, and of
those the median.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median

from bench.cost import Cost, Figure
from bench.stage import Stage


@dataclass(frozen=True, slots=True)
class Contestant:
    """One program at one work. `once` does it from a fresh beginning and says what it cost."""

    name: str
    once: Callable[[], Cost]


@dataclass(frozen=True, slots=True)
class Aim:
    """What we want of a contestant.

    Attributes:
        contestant: its name.
        figure: which of its figures.
        most: what that may be: a multiple of the first contestant's, or so many seconds or bytes.
        relative: which of the two `most` is.
        hindered: what stands in the way, as far as we know: for those who read that it was missed.
        against: whom to compare with where it is not the first contestant: the faster one of these.
    """

    contestant: str
    figure: Figure
    most: float
    relative: bool = True
    hindered: str = ""
    against: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work.

    Attributes:
        key: how it is chosen: `pull/busybox`.
        about: what is done, for a reader.
        open: prepares it, and hands out the contestants; the first is the one to compare with.
        aims: what we want.
        heavy: left out of a quick pass.
    """

    key: str
    about: str
    open: Callable[[Stage], AbstractContextManager[Sequence[Contestant]]]
    aims: Sequence[Aim] = ()
    heavy: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The costs of all rounds of one row, by contestant, the one to compare with first."""

    row: Row
    costs: dict[str, list[Cost]]

    @property
    def yardstick(self) -> str:
        return next(iter(self.costs))

    def figure(self, name: str, figure: Figure) -> float:
        """The median of a figure."""
        return median(cost.figure(figure) for cost in self.costs[name])

    def ratio(self, name: str, figure: Figure, by: str | None = None) -> float:
        """The median over the rounds of a figure divided by another's (the yardstick's) in the same round."""
        pairs = zip(self.costs[name], self.costs[by or self.yardstick], strict=True)
        return median(cost.figure(figure) / max(other.figure(figure), 1e-9) for cost, other in pairs)

    def rival(self, aim: Aim) -> str:
        """Whom an aim compares with."""
        return min(aim.against, key=lambda name: self.figure(name, aim.figure), default=self.yardstick)

    def reached(self, aim: Aim) -> float:
        """What stands against the aim's `most`."""
        if aim.relative:
            return self.ratio(aim.contestant, aim.figure, self.rival(aim))
        return self.figure(aim.contestant, aim.figure)


def hold(row: Row, stage: Stage, rounds: int) -> Result:
    """Let the contestants of a row take turns; the first round only warms up."""
    with row.open(stage) as contestants:
        costs: dict[str, list[Cost]] = {contestant.name: [] for contestant in contestants}
        for number in range(rounds + 1):
            # Who goes first has an effect (on caches, on the clock rate), so it changes.
            turn = contestants if number % 2 else tuple(reversed(contestants))
            for contestant in turn:
                cost = contestant.once()
                if number:
                    costs[contestant.name].append(cost)
    return Result(row, costs)
