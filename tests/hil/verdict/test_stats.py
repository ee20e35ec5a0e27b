"""Statistics against published examples, and against enumeration where the test is exact."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.verdict import stats
from hil.verdict.stats import Interval, Paired

# Newcombe 1998, Statistics in Medicine 17:857–872, Table I (method 3: score, no correction).
WILSON = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]

# (both, only first, only second, neither), published bounds of method 10.
PAIRED = [
    # Newcombe 1998, Statistics in Medicine 17:2635–2650
    ((36, 12, 2, 0), 0.0569, 0.3404),
    # Altman et al. 2000, Statistics with Confidence, Table 6.2
    ((14, 5, 0, 22), 0.0115, 0.2265),
    # Fagerland, Lydersen, Laake 2017, chapter 8: Bentur 2009 and Cavo 2012
    ((1, 1, 7, 12), -0.5069, -0.0256),
    ((59, 6, 16, 80), -0.1186, -0.0046),
]


@pytest.mark.parametrize(("x", "n", "low", "high"), WILSON)
def test_wilson_is_the_published_interval(x: int, n: int, low: float, high: float) -> None:
    got = stats.wilson(x, n)
    assert (round(got.low, 4), round(got.high, 4)) == (low, high)
    assert got.value == x / n


def test_no_windows_mean_nothing_is_known() -> None:
    assert stats.wilson(0, 0) == Interval(0.5, 0.0, 1.0)
    assert stats.paired_difference(Paired(0, 0, 0, 0)) == Interval(0.0, -1.0, 1.0)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_own_wilson_for_fractions_is_scipys_for_whole_counts(case: tuple[int, int]) -> None:
    ours, scipys = stats._wilson_bounds(*case), stats.wilson(*case)
    assert ours == pytest.approx((scipys.low, scipys.high), abs=1e-12)


@pytest.mark.parametrize(("counts", "low", "high"), PAIRED)
def test_paired_difference_is_the_published_interval(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    got = stats.paired_difference(Paired(*counts))
    assert (round(got.low, 4), round(got.high, 4)) == (low, high)


counts = st.integers(0, 500)
tables = st.builds(Paired, counts, counts, counts, counts).filter(lambda t: t.total > 0)


@given(tables)
def test_paired_difference_holds_its_estimate_and_turns_with_the_columns(table: Paired) -> None:
    got = stats.paired_difference(table)
    assert -1 - 1e-12 <= got.low <= got.value <= got.high <= 1 + 1e-12
    turned = stats.paired_difference(
        Paired(table.both, table.only_second, table.only_first, table.neither)
    )
    assert (turned.low, turned.high) == pytest.approx((-got.high, -got.low), abs=1e-9)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (1, 9), (5, 5), (12, 3), (0, 12)])
def test_mcnemar_against_enumeration(b: int, c: int) -> None:
    n = b + c
    weights = [math.comb(n, k) for k in range(n + 1)]
    exact = sum(w for w in weights if w <= weights[b]) / 2**n
    assert stats.mcnemar_exact(b, c) == pytest.approx(exact, rel=1e-9)


def test_mcnemar_without_discordant_windows() -> None:
    assert stats.mcnemar_exact(0, 0) == 1.0


def test_windows_needed_is_the_smallest_number_that_settles_it() -> None:
    table, limit = Paired(260, 9, 1, 30), 0.02
    needed = stats.windows_needed(table, limit)
    assert needed is not None
    assert needed > table.total
    assert stats.paired_difference(table.scaled(needed)).low > limit
    assert stats.paired_difference(table.scaled(needed - 1)).low <= limit


def test_windows_needed_gives_up_when_the_loss_is_the_limit() -> None:
    assert stats.windows_needed(Paired(90, 2, 0, 8), 0.02) is None
    assert stats.windows_needed(Paired(0, 0, 0, 0), 0.02) is None


@pytest.mark.parametrize(
    ("seen", "shares"),
    [((1, 2, 0), (0.2, 0.3, 0.5)), ((4, 0, 0), (1 / 3,) * 3), ((2, 2, 2), (0.1, 0.1, 0.8)),
     ((5, 1), (0.5, 0.5))],
)  # fmt: skip
def test_multinomial_against_enumeration_of_sequences(
    seen: tuple[int, ...], shares: tuple[float, ...]
) -> None:
    n, likelihood = sum(seen), {}
    for sequence in product(range(len(seen)), repeat=n):
        key = tuple(sequence.count(k) for k in range(len(seen)))
        chance = math.prod(shares[k] for k in sequence)
        likelihood[key] = likelihood.get(key, 0.0) + chance
    exact = sum(p for p in likelihood.values() if p <= likelihood[seen] * (1 + 1e-9))
    assert stats.multinomial_p(seen, shares) == pytest.approx(exact, rel=1e-9)


def test_multinomial_edges() -> None:
    assert stats.multinomial_p([0, 0], [0.5, 0.5]) == 1.0
    assert stats.multinomial_p([3, 1], [1.0, 0.0]) == 0.0
    assert stats.multinomial_p([3, 0], [1.0, 0.0]) == 1.0


def test_multinomial_with_too_many_outcomes_is_pearsons_chi_square() -> None:
    # 7 classes, 700 windows. Statistic: Σ (seen − 100)² / 100 = 2 · 30² / 100 = 18, 6 degrees.
    seen = [130, 70, 100, 100, 100, 100, 100]
    tail = math.exp(-9) * (1 + 9 + 9**2 / 2)  # the chi-square's upper tail, in closed form
    assert stats.multinomial_p(seen, [1 / 7] * 7) == pytest.approx(tail, rel=1e-9)


@given(st.integers(1, 12), st.integers(1, 4))
def test_compositions_are_all_and_each_once(total: int, parts: int) -> None:
    rows = {tuple(r) for r in stats._compositions(total, parts).tolist()}
    assert len(rows) == math.comb(total + parts - 1, parts - 1)
    assert all(sum(r) == total and min(r) >= 0 for r in rows)


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False, True, False])
    # two bins are used: 4 windows with |0.75 − 0.95|, 2 with |0.5 − 0.55|
    expected = (4 * 0.20 + 2 * 0.05) / 6
    assert stats.expected_calibration_error(confidence, correct) == pytest.approx(expected)


def test_calibration_error_takes_a_bins_upper_edge_in_and_its_lower_out() -> None:
    # (0, ½] and (½, 1]: in one bin the two gaps would cancel, in two they do not.
    confidence, correct = np.array([0.5, 0.6]), np.array([True, False])
    got = stats.expected_calibration_error(confidence, correct, bins=2)
    assert got == pytest.approx((0.5 + 0.6) / 2)


def test_calibration_error_of_nothing() -> None:
    assert stats.expected_calibration_error(np.array([]), np.array([], bool)) is None
