"""Comparisons on cases that were made so that the right answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import records
from hypothesis import given
from hypothesis import strategies as st

from hil.verdict import drift
from hil.verdict.stats import Paired


def error_of(reference: np.ndarray, codes: np.ndarray, scale: float, zero: int) -> object:
    layer = drift.LayerError("l", "CONV_2D", scale, zero)
    for ref, code in zip(reference, codes, strict=True):
        layer.add(ref, code)
    return layer.result()


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(-128, 127))
def test_layer_metrics_are_the_peers_definitions(seed: int, windows: int, zero: int) -> None:
    rng = np.random.default_rng(seed)
    ref = rng.normal(5, 1, (windows, 7, 3)).astype(np.float32)
    codes = rng.integers(-128, 128, ref.shape, np.int8)
    got = error_of(ref, codes, 0.05, zero)
    ref64, pred = ref.astype(np.float64), (codes.astype(np.float64) - zero) * 0.05
    error = ref64 - pred
    norm = np.linalg.norm
    assert got.cosine == pytest.approx((ref64 * pred).sum() / norm(ref64) / norm(pred))
    assert got.l2r == pytest.approx(norm(error) / norm(pred))
    assert got.nse == pytest.approx(1 - (error**2).mean() / ref64.std(ddof=1) ** 2)
    assert got.sqnr_db == pytest.approx(10 * np.log10((ref64**2).sum() / (error**2).sum()))
    assert got.rmse_over_scale == pytest.approx(np.sqrt((error**2).mean()) / 0.05)
    assert got.max_error_lsb == pytest.approx(np.abs(error).max() / 0.05)
    assert got.used_range == (int(codes.max()) - int(codes.min()) + 1) / 256


def test_well_quantized_layer_has_the_theoretical_error() -> None:
    # Rounding error is uniform over one step: rmse = step / √12.
    ref = np.linspace(-1, 1, 200_001, dtype=np.float64)[None]
    codes = np.rint(ref / 0.01).astype(np.int8)
    got = error_of(ref, codes, 0.01, 0)
    assert got.rmse_over_scale == pytest.approx(1 / np.sqrt(12), rel=1e-2)
    assert got.max_error_lsb == pytest.approx(0.5, abs=1e-3)


def test_a_relus_zeros_at_the_rail_are_not_saturation() -> None:
    codes = np.array([[-128, -128, -128, 127]], np.int8)
    ref = np.zeros(codes.shape)
    assert error_of(ref, codes, 0.1, -128).saturated_share == 0.25
    assert error_of(ref, codes, 0.1, 0).saturated_share == 1.0


def test_metrics_that_are_not_defined_are_none() -> None:
    got = error_of(np.zeros((2, 4)), np.zeros((2, 4), np.int8), 0.1, 0)
    assert (got.sqnr_db, got.cosine, got.l2r, got.nse) == (None, None, None, None)
    assert (got.rmse_over_scale, got.max_error_lsb) == (0.0, 0.0)


def test_sixteen_bit_codes_have_their_own_rails() -> None:
    codes = np.array([[-32768, 127, -128, 0]], np.int16)
    got = error_of(np.ones(codes.shape), codes, 0.1, 0)
    assert got.saturated_share == 0.25
    assert got.used_range == (127 + 32768 + 1) / 65536


def test_bytes_are_compared_window_by_window() -> None:
    want = [np.array([1, -128], np.int8), np.array([0, 0], np.int8), None, np.array([5], np.int8)]
    got = [np.array([1, 127], np.int8), np.array([0, 0], np.int8), np.array([1], np.int8), None]
    item = drift.compare_bytes("int8", "device", "output", want, got)
    assert (item.compared, item.differing, item.max_difference_lsb) == (2, (0,), 255)


def test_windows_without_label_or_measurement_are_not_judged() -> None:
    run = records.good_run(6)
    windows = replace(run.windows, label=(0, 1, 2, -1, 1, 2))
    run = records.with_answers(replace(run, windows=windows), device=(0, 1, 0, 0, -1, -1))
    device = drift.column(run, "device")
    assert device is not None
    assert drift.usable(run, device).tolist() == [True, True, True, False, False, False]
    got = drift.accuracy(run, device)
    assert got is not None
    assert got.value == pytest.approx(2 / 3)
    assert drift.class_counts(run, device) == ([1, 1, 1], [2, 1, 0])
    assert drift.confusion(run, device).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_accuracy_of_nothing_is_unknown() -> None:
    run = records.with_answers(records.good_run(4), device=(-1,) * 4)
    device = drift.column(run, "device")
    assert device is not None
    assert drift.accuracy(run, device) is None
    assert drift.calibration_error(run, device) is None


def test_paired_counts() -> None:
    run = records.with_answers(
        records.good_run(6), float=(0, 1, 2, 0, 0, 0), int8=(0, 1, 0, 0, 1, 0)
    )
    first, second = drift.column(run, "float"), drift.column(run, "int8")
    assert first is not None
    assert second is not None
    assert drift.paired(run, first, second) == Paired(3, 1, 1, 1)


def test_calibration_of_a_column() -> None:
    run = records.good_run(30)  # confidence 0.8 everywhere, 9 in 10 right
    column = drift.column(run, "float")
    assert column is not None
    assert drift.calibration_error(run, column) == pytest.approx(0.1)


def test_columns_are_found_by_name() -> None:
    run = records.good_run(3)
    assert drift.column(run, "nobody") is None
    assert [c.name for c in drift.chain(run)] == [
        "float", "pruned", "int8", "device", "device-raw",
    ]  # fmt: skip
