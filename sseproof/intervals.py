"""Medians over trials with bootstrap intervals, and differences between pairs of the same block.

The headline of a figure is the median over trials of each trial's own value, never the best of them. Its interval is
what 95 % of resampled medians lie in (numpy, seeded: the same trials give the same interval). Two servers are compared
within blocks, where they were measured under the same conditions. Rule of the file: with fewer than RANKED_FROM trials
nothing is ranked, and a difference whose interval includes 0 is a tie.
"""

from __future__ import annotations

import itertools
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


class Rank(NamedTuple):
    """A place among others: None with too few trials; and whom it is tied with."""

    place: int | None
    ties: tuple[str, ...] = ()


def ranks(values: Mapping[str, Values], seed: int = 0) -> dict[str, Rank]:
    """Rank names by their values, the smallest first: one more than there are names that are certainly smaller.

    Certain is a paired difference of RANKED_FROM trials whose interval excludes 0, and whatever follows from two of
    them; so of two names with one place neither is certainly smaller. A tie is a difference whose interval holds 0: of
    three names the first and the last may be apart and both tied with the one between. The medians say nothing here: those
    of trials in blocks that the other has not got may stand the other way round.
    """
    enough = [name for name, own in values.items() if len(own) >= RANKED_FROM]
    smaller: dict[str, set[str]] = {name: set() for name in enough}
    ties: dict[str, list[str]] = {name: [] for name in enough}
    for one, other in itertools.combinations(enough, 2):
        found = difference(values[one], values[other], seed)
        if found is None or found.trials < RANKED_FROM:
            continue
        if found.high < 0:
            smaller[other].add(one)
        elif found.low > 0:
            smaller[one].add(other)
        else:
            ties[one].append(other)
            ties[other].append(one)
    for _ in enough:  # what is smaller than a smaller one is smaller
        for own in smaller.values():
            own.update(*(smaller[each] for each in own))
    return {
        name: Rank(
            1 + len(smaller[name] - {name}),
            tuple(each for each in ties[name] if each not in smaller[name] and name not in smaller[each]),
        )
        if name in smaller
        else Rank(None)
        for name in values
    }


def tellable(quantile: float, samples: int) -> bool:
    """Say whether so many samples are enough for a quantile (0.999 is p99.9)."""
    return samples * (1 - quantile) >= BEYOND * (1 - 1e-9)
