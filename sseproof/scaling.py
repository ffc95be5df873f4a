"""The Universal Scalability Law: what contention and crosstalk make of throughput as load grows, on paper.

    X(N) = rate * N / (1 + contention * (N - 1) + crosstalk * N * (N - 1))

N. J. Gunther, Guerrilla Capacity Planning (Springer 2007). N / X(N) is linear in the three unknowns, so least
squares finds them; neither cost can be below zero, so of the fits without the one, the other or both the best that
is possible is taken. Rule of the file: what lies beyond the measured points is a prediction, and is called so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

LEAST_POINTS = 4  # one more than there are unknowns
NEGLIGIBLE = 0.05  # of the measured range: less bend than this is noise


class Law(NamedTuple):
    """Throughput as a function of load; `rate` is what the first unit of load brings."""

    rate: float
    contention: float
    crosstalk: float

    def throughput(self, n: float) -> float:
        """Give X(N)."""
        return self.rate * n / (1 + self.contention * (n - 1) + self.crosstalk * n * (n - 1))

    @property
    def peak(self) -> float | None:
        """Give the load beyond which throughput falls; None where nothing says that it ever does."""
        return math.sqrt(max(0.0, 1 - self.contention) / self.crosstalk) if self.crosstalk else None


def fit(points: Sequence[tuple[float, float]]) -> Law | None:
    """Fit the law to (load, throughput) by least squares; None for fewer than four loads with any throughput."""
    used = [(n, x) for n, x in points if n > 0 and x > 0]
    if len({n for n, _ in used}) < LEAST_POINTS:
        return None
    n, x = (np.array(values, dtype=np.float64) for values in zip(*used, strict=True))
    terms = np.stack([np.ones_like(n), n - 1, n * (n - 1)], axis=1)
    fits = []
    for chosen in itertools.chain.from_iterable(itertools.combinations((1, 2), size) for size in range(3)):
        columns = [0, *chosen]
        # Weighted by x / n: each point's relative error counts alike.
        weighted = terms[:, columns] * (x / n)[:, None]
        found, *_ = np.linalg.lstsq(weighted, np.ones_like(n), rcond=None)
        if found[0] > 0 and (found[1:] >= 0).all():
            error = float(((weighted @ found - 1) ** 2).sum())
            values = dict(zip(columns, found, strict=True))
            fits.append((error, values[0], values.get(1, 0.0), values.get(2, 0.0)))
    if not fits:
        return None
    _, first, contention, crosstalk = min(fits)
    return Law(float(1 / first), float(contention / first), float(crosstalk / first))


def on_paper(points: Sequence[tuple[float, float]], loads: Sequence[float]) -> Mapping[str, Any] | None:
    """Predict throughput at other loads; None where nothing can be fitted.

    Where the measured points show no bend there is nothing to predict a limit from, which is said instead.
    """
    law = fit(points)
    if law is None:
        return None
    largest = max(n for n, _ in points)
    found: dict[str, Any] = {"law": law._asdict(), "measured_up_to": largest}
    if law.throughput(largest) > (1 - NEGLIGIBLE) * law.rate * largest:
        return found | {
            "said": f"no bend was seen up to {largest:,.0f} clients: the law predicts no limit from this"
        }
    found["said"] = f"a prediction on paper, measured up to {largest:,.0f} clients only"
    found["peak_users"] = law.peak
    return found | {"throughput": {f"{n:g}": law.throughput(n) for n in loads}}
