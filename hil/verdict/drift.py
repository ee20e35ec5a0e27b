"""Compares what was expected with what came out; pure functions of arrays and run records.

Layer metrics carry the names and definitions of the tools people compare with: cos, nse and l2r
as ST's `validate` prints them, rmse/scale as TensorFlow's QuantizationDebugger does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.record import ByteComparison, Column, LayerQuantization, Run
from hil.verdict.resampling import Recordings, by_recording, resampled, widest
from hil.verdict.stats import (
    Interval,
    Paired,
    expected_calibration_error,
    paired_difference,
    wilson,
)

#: dtypes whose codes have rails; a layer of another one (int32) is not compared.
CODE_RANGES: Final = {np.dtype(np.int8): (-128, 127), np.dtype(np.int16): (-32768, 32767)}


class LayerError:
    """Quantization error of one layer, gathered window by window so that no tensor is kept.

    Sums are float64. The reference's variance is merged by Chan's formula: a plain sum of squares
    would lose it where the mean is large.
    """

    def __init__(self, name: str, op: str, scale: float, zero_point: int) -> None:
        self.name, self.op, self.scale, self.zero_point = name, op, scale, zero_point
        self.count = 0
        self._mean = self._m2 = 0.0  # of the reference
        self._ref2 = self._pred2 = self._dot = self._error2 = self._max = 0.0
        self._saturated = 0
        self._smallest, self._largest, self._codes = 0, 0, 256

    def add(self, reference: NDArray[Any], codes: NDArray[Any]) -> None:
        """Count one window: float reference and int8 or int16 codes of the same size."""
        ref = reference.astype(np.float64).ravel()
        code = codes.ravel()
        pred = (code.astype(np.float64) - self.zero_point) * self.scale
        error = pred - ref
        self._merge_variance(ref)
        self._ref2 += float(ref @ ref)
        self._pred2 += float(pred @ pred)
        self._dot += float(ref @ pred)
        self._error2 += float(error @ error)
        self._max = max(self._max, float(np.abs(error).max(initial=0.0)))
        self._add_codes(code)
        self.count += ref.size

    def _merge_variance(self, ref: NDArray[np.float64]) -> None:
        mean = float(ref.mean())
        delta, total = mean - self._mean, self.count + ref.size
        self._m2 += float(((ref - mean) ** 2).sum()) + delta**2 * self.count * ref.size / total
        self._mean += delta * ref.size / total

    def _add_codes(self, code: NDArray[Any]) -> None:
        low, high = CODE_RANGES[code.dtype]
        self._codes = high - low + 1
        # A rail that is the zero point is where a ReLU puts its zeros: not saturation.
        rails = [r for r in (low, high) if r != self.zero_point]
        self._saturated += int(np.isin(code, rails).sum())
        smallest, largest = int(code.min()), int(code.max())
        if self.count:
            smallest, largest = min(smallest, self._smallest), max(largest, self._largest)
        self._smallest, self._largest = smallest, largest

    def result(self) -> LayerQuantization:
        """Return the metrics of all windows counted (at least one)."""
        n = self.count
        rmse = math.sqrt(self._error2 / n)
        variance = self._m2 / (n - 1) if n > 1 else 0.0
        norms = math.sqrt(self._ref2 * self._pred2)
        noisy = self._error2 > 0 and self._ref2 > 0
        return LayerQuantization(
            name=self.name,
            op=self.op,
            scale=self.scale,
            zero_point=self.zero_point,
            sqnr_db=10 * math.log10(self._ref2 / self._error2) if noisy else None,
            cosine=self._dot / norms if norms else None,
            l2r=math.sqrt(self._error2 / self._pred2) if self._pred2 else None,
            nse=1 - self._error2 / n / variance if variance else None,
            rmse_over_scale=rmse / self.scale,
            max_error_lsb=self._max / self.scale,
            saturated_share=self._saturated / n,
            used_range=(self._largest - self._smallest + 1) / self._codes,
        )


def compare_bytes(
    expected_name: str,
    actual_name: str,
    what: str,
    expected: Sequence[NDArray[np.int8] | None],
    actual: Sequence[NDArray[np.int8] | None],
) -> ByteComparison:
    """Compare window by window; None stands for a window that was not measured."""
    compared, differing, largest = 0, [], 0
    for i, (want, got) in enumerate(zip(expected, actual, strict=True)):
        if want is None or got is None:
            continue
        compared += 1
        difference = largest_difference(want, got)
        if difference:
            differing.append(i)
            largest = max(largest, difference)
    return ByteComparison(expected_name, actual_name, what, compared, tuple(differing), largest)


def largest_difference(expected: NDArray[Any], actual: NDArray[Any]) -> int:
    """Return the largest difference of two integer tensors of one size, in steps (LSB)."""
    wide = expected.ravel().astype(np.int64) - actual.ravel().astype(np.int64)
    return int(np.abs(wide).max(initial=0))


def column(run: Run, name: str) -> Column | None:
    """Return a column of the run by name."""
    return next((c for c in run.columns if c.name == name), None)


def chain(run: Run) -> list[Column]:
    """Return the columns of the chain, side branches left out, in their order."""
    return [c for c in run.columns if not c.side_branch]


def usable(run: Run, *columns: Column) -> NDArray[np.bool_]:
    """Return which windows have a label and were measured in every one of `columns`."""
    mask = np.asarray(run.windows.label) >= 0
    for item in columns:
        mask &= np.asarray(item.predicted) >= 0
    return mask


def accuracy(run: Run, item: Column) -> Interval | None:
    """Return a column's accuracy with its interval; None where no window can be judged.

    The interval is Wilson's, widened to what resampled recordings give.
    """
    mask = usable(run, item)
    if not mask.any():
        return None
    group = judged_recordings(run, item)
    return widest(wilson(int(group.total.sum()), int(mask.sum())), resampled(group))


def judged_recordings(run: Run, item: Column) -> Recordings:
    """Return a column's right answers summed up by recording, over the windows it can be judged."""
    mask = usable(run, item)
    return by_recording(correct(run, item)[mask], recordings(run)[mask])


def recordings(run: Run) -> NDArray[Any]:
    """Return which recording each window is of; numbers may begin anew with every subject."""
    pairs = zip(run.windows.subject, run.windows.recording, strict=True)
    numbers: dict[tuple[str, int], int] = {}
    return np.array([numbers.setdefault(pair, len(numbers)) for pair in pairs], np.int64)


def loss(run: Run, first: Column, second: Column) -> Interval:
    """Return what accuracy falls by from one column to another on the windows that both measured.

    The interval is that of `paired_difference`, widened to what resampled recordings give.
    """
    mask = usable(run, first, second)
    interval = paired_difference(paired(run, first, second))
    if not mask.any():
        return interval
    change = correct(run, first)[mask].astype(float) - correct(run, second)[mask]
    return widest(interval, resampled(by_recording(change, recordings(run)[mask])))


def paired(run: Run, first: Column, second: Column) -> Paired:
    """Return how two columns did on the windows that both measured."""
    mask = usable(run, first, second)
    a, b = correct(run, first)[mask], correct(run, second)[mask]
    return Paired(
        int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())
    )


def same_answers(first: Column, second: Column) -> bool:
    """Return whether two columns give the same class in every window that both measured."""
    pairs = zip(first.predicted, second.predicted, strict=True)
    return all(a == b for a, b in pairs if a >= 0 and b >= 0)


def correct(run: Run, item: Column) -> NDArray[np.bool_]:
    """Return per window whether the column is right; only meaningful where `usable`."""
    equal: NDArray[np.bool_] = np.asarray(item.predicted) == np.asarray(run.windows.label)
    return equal


def calibration_error(run: Run, item: Column) -> float | None:
    """Return a column's expected calibration error over the windows that can be judged."""
    index = np.flatnonzero(usable(run, item))
    confidence = np.array([max(item.scores[i]) for i in index], np.float64)
    return expected_calibration_error(confidence, correct(run, item)[index])


def class_counts(run: Run, item: Column) -> tuple[list[int], list[int]]:
    """Return (true, predicted) windows per class, over the windows that can be judged."""
    mask = usable(run, item)
    size = len(run.windows.classes)
    true = np.bincount(np.asarray(run.windows.label)[mask], minlength=size)
    predicted = np.bincount(np.asarray(item.predicted)[mask], minlength=size)
    return true.tolist(), predicted.tolist()


def confusion(run: Run, item: Column) -> NDArray[np.int64]:
    """Return the confusion matrix [true, predicted] over the windows that can be judged."""
    mask = usable(run, item)
    size = len(run.windows.classes)
    matrix = np.zeros((size, size), np.int64)
    np.add.at(matrix, (np.asarray(run.windows.label)[mask], np.asarray(item.predicted)[mask]), 1)
    return matrix
