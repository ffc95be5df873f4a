"""Medians over trials with bootstrap intervals, and differences between pairs of the same block.

The headline of a figure is the median over trials of each trial's own value, never the best of them. Its interval is
what 95 % of resampled medians lie in (numpy, seeded: the same trials give the same interval). Two servers are compared
within blocks, where they were measured under the same conditions. Rule of the file: with fewer than RANKED_FROM trials
nothing is ranked, and a difference whose interval includes 0 is a tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

RANKED_FROM = 5
RESAMPLES = 4_000
CONFIDENCE = 0.95
BEYOND = 10
"""A quantile is told when at least so many samples are expected beyond it: p99 from 1,000, p99.9 from 10,000."""

Values = Mapping[int, float]
"""One value per block."""


class Interval(NamedTuple):
    """A median and the bootstrap interval around it; with one trial there is none, and low and high are the median."""

    median: float
    low: float
    high: float
    trials: int


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Give the median of the trials' values and its interval; raises ValueError when there is none."""
    if not values:
        raise ValueError("no trial gave a value")
    given = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(given), size=(RESAMPLES, len(given)))
    medians = np.median(given[drawn], axis=1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(medians, [tail, 100 - tail])
    return Interval(float(np.median(given)), float(low), float(high), len(given))


def difference(one: Values, other: Values, seed: int = 0) -> Interval | None:
    """Give the median of one minus other over the blocks that have both; None when there is no such block."""
    both = sorted(one.keys() & other.keys())
    return interval([one[block] - other[block] for block in both], seed) if both else None


def ratio(one: Values, other: Values, seed: int = 0) -> Interval | None:
    """Give the median of one divided by other over the blocks that have both; None where there is none."""
    both = [block for block in sorted(one.keys() & other.keys()) if other[block]]
    return interval([one[block] / other[block] for block in both], seed) if both else None


def smaller(one: Values, other: Values, seed: int = 0) -> bool:
    """Say whether one is certainly smaller: the paired difference of enough trials lies below 0 as a whole."""
    found = difference(one, other, seed)
    return found is not None and found.trials >= RANKED_FROM and found.high < 0


def ranks(values: Mapping[str, Values], seed: int = 0) -> dict[str, int | None]:
    """Rank names by their values, the smallest first: one more than there are names that are certainly smaller.

    None for all who have fewer than RANKED_FROM trials. The medians say nothing here: those of trials in blocks that the
    other has not got may stand the other way round.
    """
    enough = {name: own for name, own in values.items() if len(own) >= RANKED_FROM}
    found: dict[str, int | None] = dict.fromkeys(values)
    for name, own in enough.items():
        found[name] = 1 + sum(smaller(other, own, seed) for other in enough.values())
    return found


def ties(values: Mapping[str, Values], seed: int = 0) -> dict[str, list[str]]:
    """Give for each name with enough trials those that it certainly is neither smaller nor larger than.

    Of three names the first and the last may be apart and both tied with the one between, so a tie is not an equal rank.
    """
    enough = {name: own for name, own in values.items() if len(own) >= RANKED_FROM}
    return {
        name: [
            each
            for each, other in enough.items()
            if each != name and not smaller(own, other, seed) and not smaller(other, own, seed)
        ]
        for name, own in enough.items()
    }


def tellable(quantile: float, samples: int) -> bool:
    """Say whether so many samples are enough for a quantile (0.999 is p99.9)."""
    return samples * (1 - quantile) >= BEYOND * (1 - 1e-9)
