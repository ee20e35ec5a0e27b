"""What the types of a record do not say: lengths, ranges and references that must fit."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from hil.errors import InputError
from hil.record.layers import BINS
from hil.record.run import Run
from hil.record.windows import Column, Fit, Validation, Windows


def check(path: Path, run: Run) -> None:
    """Raise InputError naming the place in the file `path` for what does not fit."""
    _check_lengths(path, run)
    _check_evidence(path, run)
    _check_shift(path, run)
    _check_pictures(path, run)
    _check_arena(path, run)


def _check_lengths(path: Path, run: Run) -> None:
    """Refuse arrays over windows that do not fit one another, and classes that are none."""
    count = len(run.windows.label)
    _check_windows(f"{path}: windows", run.windows)
    if not 0 <= run.input_saturated <= 1:
        raise InputError(f"{path}: input_saturated: outside 0…1")
    for i, comparison in enumerate(run.comparisons):
        if not all(0 <= window < count for window in comparison.differing):
            raise InputError(f"{path}: comparisons[{i}].differing: outside 0…{count - 1}")
    for i, column in enumerate(run.columns):
        _check_column(f"{path}: columns[{i}]", column, run.windows)
    for name, others in (("validation", run.validation), ("held_out", run.held_out)):
        if others is not None:
            _check_others(f"{path}: {name}", others, run.windows)
    if run.fit is not None:
        _check_fit(f"{path}: fit", run.fit, run.windows.classes)


def _check_others(where: str, others: Validation, windows: Windows) -> None:
    """Refuse recordings beside those under test that cannot be compared with them."""
    _check_windows(f"{where}.windows", others.windows)
    _check_column(f"{where}.column", others.column, others.windows)
    if others.windows.classes != windows.classes:
        raise InputError(f"{where}.windows.classes: are not those of the windows under test")


def _check_fit(where: str, fit: Fit, classes: tuple[str, ...]) -> None:
    _check_windows(f"{where}.windows", fit.windows)
    count = len(fit.windows.label)
    if fit.windows.classes != classes or not 0 <= fit.favoured < len(classes):
        raise InputError(f"{where}: its classes are not those of the windows under test")
    if min(fit.windows.label, default=0) < 0:
        raise InputError(f"{where}.windows.label: not all known")
    for name, given in (("predicted", fit.predicted), ("lowered", fit.lowered)):
        if len(given) != count:
            raise InputError(f"{where}.{name}: not one class a window")
    if len(fit.simple) not in (0, count):
        raise InputError(f"{where}.simple: not one class a window")
    if not all(0 <= k < len(classes) for k in (*fit.predicted, *fit.lowered, *fit.simple)):
        raise InputError(f"{where}: outside 0…{len(classes) - 1}")


def _check_windows(where: str, windows: Windows) -> None:
    classes = len(windows.classes)
    if not len(windows.subject) == len(windows.recording) == len(windows.label):
        raise InputError(f"{where}: label, subject and recording differ in length")
    if not all(-1 <= label < classes for label in windows.label):
        raise InputError(f"{where}.label: outside -1…{classes - 1}")


def _check_column(where: str, column: Column, windows: Windows) -> None:
    count, classes = len(windows.label), len(windows.classes)
    if not len(column.predicted) == len(column.scores) == count:
        raise InputError(f"{where}: not one prediction and score for each of {count} windows")
    if not all(-1 <= p < classes for p in column.predicted):
        raise InputError(f"{where}.predicted: outside -1…{classes - 1}")
    for p, scores in zip(column.predicted, column.scores, strict=True):
        if len(scores) != (0 if p < 0 else classes) or not all(map(isfinite, scores)):
            raise InputError(f"{where}.scores: not {classes} finite numbers a measured window")


def _check_evidence(path: Path, run: Run) -> None:
    """Refuse tensors that are not hexadecimal, or of different sizes in one place."""
    for i, found in enumerate(run.layer_evidence):
        where = f"{path}: layer_evidence[{i}]"
        if not 0 <= found.layer < len(run.device_layers):
            raise InputError(f"{where}.layer: no such layer")
        size = 2 * run.device_layers[found.layer].size
        _check_hex(where, [text for p in found.pairs for text in (p.expected, p.actual)], size)
    given = run.input_evidence
    if given is None:
        return
    where, channels = f"{path}: input_evidence", len(given.channels)
    if not all(
        len(x) == channels for x in (given.units, given.unit_per_count, given.mean, given.std)
    ):
        raise InputError(f"{where}: not one constant for each of {channels} channels")
    if not all(s > 0 for s in (*given.std, *given.unit_per_count, given.scale)):
        raise InputError(f"{where}: std, unit_per_count and scale must be positive")
    size = len(given.pairs[0].expected) if given.pairs else 0
    if channels == 0 or size % (2 * channels):
        raise InputError(f"{where}: its windows do not have {channels} channels")
    _check_hex(where, [text for p in given.pairs for text in (p.expected, p.actual)], size)
    _check_hex(where, [p.raw for p in given.pairs], 2 * size)


def _check_shift(path: Path, run: Run) -> None:
    """Refuse predictions and spectra that do not fit the windows."""
    shift, where = run.data_shift, f"{path}: data_shift"
    if shift is None:
        return
    count, classes = len(run.windows.label), len(run.windows.classes)
    for i, item in enumerate(shift.corrections):
        for name in ("float_predicted", "int8_predicted"):
            predicted = getattr(item, name)
            if len(predicted) not in (0, count) or not all(0 <= p < classes for p in predicted):
                raise InputError(f"{where}.corrections[{i}].{name}: not one class a window")
    pairs = {"gravity_norm": shift.gravity_norm, "gyro_rms": shift.gyro_rms}
    for name, pair in {**pairs, "recordings": shift.recordings}.items():
        if pair is not None and len(pair) != 2:
            raise InputError(f"{where}.{name}: not two numbers, training's and the target's")
    for i, channel in enumerate(shift.channels):
        if not len(channel.training_psd) == len(channel.target_psd) == len(shift.frequencies):
            raise InputError(f"{where}.channels[{i}]: not one density for each frequency")


def _check_pictures(path: Path, run: Run) -> None:
    """Refuse histograms and signals that cannot be drawn."""
    for i, layer in enumerate(run.quantization):
        if (h := layer.histogram) is None:
            continue
        counts = (*h.floats, *h.codes, h.below, h.above, h.low_rail, h.high_rail)
        if not len(h.floats) == len(h.codes) == BINS or min(counts) < 0:
            raise InputError(f"{path}: quantization[{i}].histogram: not {BINS} counts")
    if (given := run.signals) is None:
        return
    where, channels = f"{path}: signals", len(given.channels)
    if not channels or not len(given.units) == len(given.unit_per_count) == channels:
        raise InputError(f"{where}: not one unit for each of {channels} channels")
    if given.rate_hz <= 0 or min(given.unit_per_count) <= 0:
        raise InputError(f"{where}: rate_hz and unit_per_count must be positive")
    if not all(0 <= s.window < len(run.windows.label) for s in given.kept):
        raise InputError(f"{where}: no such window")
    size = len(given.kept[0].raw) if given.kept else 0
    if size % (4 * channels):
        raise InputError(f"{where}: its windows do not have {channels} channels")
    _check_hex(where, [s.raw for s in given.kept], size)


def _check_arena(path: Path, run: Run) -> None:
    """Refuse blocks that lie outside the arena or of layers that there are not."""
    if (plan := run.arena) is None:
        return
    count = len(plan.layers)
    if len(plan.kernels) != count or not count:
        raise InputError(f"{path}: arena: not one kernel for each of {count} layers")
    for i, b in enumerate(plan.blocks):
        if not (b.offset >= 0 and b.size > 0 and b.offset + b.size <= plan.size):
            raise InputError(f"{path}: arena.blocks[{i}]: outside its {plan.size} bytes")
        if not -1 <= b.first_layer <= b.last_layer < count:
            raise InputError(f"{path}: arena.blocks[{i}]: no such layers")


def _check_hex(where: str, texts: list[str], size: int) -> None:
    for text in texts:
        if len(text) != size or not set(text) <= set("0123456789abcdef"):
            raise InputError(f"{where}: a tensor is not {size} hexadecimal digits")
