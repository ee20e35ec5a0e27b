"""The statistics behind the verdict: each a small pure function with its published source.

All intervals are two-sided 95 %. Those here take windows for independent; windows cut from one
recording are not, which is what hil/verdict/resampling.py is for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sp

CONFIDENCE: Final = 0.95
#: All tests of one run together raise a false alarm in one of a hundred runs.
FAMILY_ERROR: Final = 0.01

#: Above this many outcomes the exact multinomial test gives way to Pearson's chi-square: 7 classes
#: and 300 windows have 1e12. Below, the enumeration takes a fraction of a second.
MAX_OUTCOMES: Final = 100_000

#: `windows_needed` gives up here: nobody records more.
MAX_WINDOWS: Final = 1_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """How two columns did on the same windows; counts, as floats so that they can be scaled."""

    both: float
    only_first: float
    only_second: float
    neither: float

    @property
    def total(self) -> float:
        """Windows in all."""
        return self.both + self.only_first + self.only_second + self.neither

    def scaled(self, windows: float) -> Paired:
        """Return the same proportions over another number of windows."""
        k = windows / self.total
        return Paired(self.both * k, self.only_first * k, self.only_second * k, self.neither * k)


def wilson(successes: int, total: int) -> Interval:
    """Wilson's score interval for a proportion (Wilson 1927, JASA 22:209), by scipy.

    No windows: the proportion is unknown, 0…1 around ½.
    """
    if total == 0:
        return Interval(0.5, 0.0, 1.0)
    ci = sp.binomtest(successes, total).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / total, float(ci.low), float(ci.high))


def _wilson_bounds(successes: float, total: float) -> tuple[float, float]:
    """Wilson's bounds for a count that need not be whole (scipy's takes integers only)."""
    z = float(sp.norm.ppf(0.5 + CONFIDENCE / 2))
    p = successes / total
    centre = p + z * z / (2 * total)
    spread = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def paired_difference(table: Paired) -> Interval:
    """First proportion minus second on the same windows: Newcombe's method 10.

    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions
    based on paired data", Statistics in Medicine 17 (1998) 2635–2650: Wilson's bounds of both
    proportions, squared and added with the correlation φ, which is continuity corrected.
    """
    n = table.total
    if n == 0:
        return Interval(0.0, -1.0, 1.0)
    first, second = table.both + table.only_first, table.both + table.only_second
    p1, p2 = first / n, second / n
    low1, high1 = _wilson_bounds(first, n)
    low2, high2 = _wilson_bounds(second, n)
    phi = _correlation(table)

    def reach(a: float, b: float) -> float:
        # max: rounding can leave −1e-19 where the two parts cancel.
        return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))

    value = p1 - p2
    low = value - reach(p1 - low1, high2 - p2)
    return Interval(value, low, value + reach(high1 - p1, p2 - low2))


def _correlation(table: Paired) -> float:
    """φ of method 10; 0 where a margin is empty."""
    a, b, c, d = table.both, table.only_first, table.only_second, table.neither
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    product = a * d - b * c
    if product > 0:
        product = max(0.0, product - table.total / 2)
    return product / math.sqrt(margins)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Exact p-value of McNemar's test: are the discordant windows split evenly?"""
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return float(sp.binomtest(only_first, discordant, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number: compare each with the family's error.

    S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
    Statistics 6 (1979) 65–70. scipy has the control of the false discovery rate only.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = largest
    return adjusted


def windows_needed(table: Paired, limit: float) -> int | None:
    """Smallest number of windows at which these proportions would settle loss against `limit`.

    The loss is settled when the interval of `paired_difference` excludes `limit` (a proportion).
    Returns None when no number up to MAX_WINDOWS does.
    """

    def settled(windows: float) -> bool:
        interval = paired_difference(table.scaled(windows))
        return interval.low > limit or interval.high < limit

    if table.total == 0:
        return None
    high = max(1, int(table.total))
    while not settled(high):
        high *= 2
        if high > MAX_WINDOWS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high


def multinomial_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """P-value of counts of classes against expected shares.

    Exact where the outcomes can be enumerated (the sum over all outcomes no likelier than the one
    seen), else Pearson's chi-square. A class that was seen though its share is 0 gives 0.
    """
    total = sum(counts)
    if total == 0:
        return 1.0
    if any(c and not s for c, s in zip(counts, shares, strict=True)):
        return 0.0
    pairs = [(c, s) for c, s in zip(counts, shares, strict=True) if s]
    if len(pairs) == 1:
        return 1.0
    seen, probability = [c for c, _ in pairs], np.array([s for _, s in pairs])
    probability /= probability.sum()
    if math.comb(total + len(seen) - 1, len(seen) - 1) > MAX_OUTCOMES:
        return float(sp.chisquare(seen, probability * total).pvalue)
    outcomes = _compositions(total, len(seen))
    likelihood = sp.multinomial.pmf(outcomes, total, probability)
    # 1e-7: equally likely outcomes differ in their last bits, which must not drop them.
    limit = sp.multinomial.pmf(seen, total, probability) * (1 + 1e-7)
    return min(1.0, float(likelihood[likelihood <= limit].sum()))


def _compositions(total: int, parts: int) -> NDArray[np.int64]:
    """Return every way to write `total` as `parts` ordered counts, one a row (stars and bars)."""
    bars = np.array(list(combinations(range(total + parts - 1), parts - 1)), np.int64)
    ends = np.full((len(bars), 1), total + parts - 1, np.int64)
    edges = np.hstack([np.full((len(bars), 1), -1, np.int64), bars, ends])
    counts: NDArray[np.int64] = np.diff(edges, axis=1) - 1
    return counts


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 15
) -> float | None:
    """Mean gap between confidence and accuracy, weighted over equal-width bins.

    C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3, with their 15
    bins. None without windows.
    """
    if not len(confidence):
        return None
    # Bins are (low, high], as in the paper; a confidence of 0 goes into the first.
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(index, correct.astype(float) - confidence, bins)
    return float(np.abs(gap).sum() / len(confidence))
