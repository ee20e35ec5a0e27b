"""The run record: everything a run measured, nothing rendered. JSON, versioned.

`hil/run/steps.py` writes it, `hil/verdict/diagnose.py` and `hil/report` are pure functions of it.
Arrays over windows are in the order of the vectors. Scores are rounded to six digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final, Literal

from hil.errors import InputError
from hil.strict_json import from_json, read_json, write_json

FORMAT: Final = "tinyhil-run"
#: To be raised with every change of the fields below (tests/contracts/test_record.py pins them).
VERSION: Final = 4

#: Points of accuracy that int8 may lose against float, where nobody said otherwise.
DEFAULT_MAX_DROP: Final = 2.0


@dataclass(frozen=True)
class Identity:
    """What ran, so that the run can be repeated."""

    board: str
    board_title: str
    backend: str
    backend_description: str
    emulated: bool
    model_name: str
    model_arch: str
    model_hash: str
    firmware_version: str
    firmware_hash: str
    elf_sha256: str | None
    protocol: int
    arithmetic: str
    clock_hz: int
    device_id: str
    vectors_source: str
    vectors_sha256: str
    vectors_bandwidth_hz: float | None
    raw_unit: str
    command: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Column:
    """One model on one runtime over all windows: a stage of the chain or a side branch.

    name: "float", "pruned", "int8", "qat", "int8-litert-ref", "int8-litert", "int8-xnnpack",
    "device", "device-raw". `predicted[i]` is -1 where window i was not measured (an incomplete
    run); `scores[i][k]` is the probability given to class k (empty where not measured).
    `after` is the column that this one is compared with (its step), None for the first.
    """

    name: str
    runtime: str
    kind: Literal["float", "int8", "device"]
    side_branch: bool
    after: str | None
    predicted: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class LayerQuantization:
    """Quantization error of one layer over all windows: dequantized int8 against float.

    Metrics by the names that ST's and TensorFlow's tools use: sqnr_db (signal to quantization
    noise), cosine, l2r (‖ref − pred‖ / ‖pred‖), nse (1 − MSE / std(ref, ddof=1)²),
    rmse_over_scale, max_error_lsb (largest error in steps of the output's scale),
    saturated_share (codes at a rail that is not the zero point), used_range (share of the 256
    codes between the smallest and the largest seen). None where a metric is not defined.
    """

    name: str
    op: str
    scale: float
    zero_point: int
    sqnr_db: float | None
    cosine: float | None
    l2r: float | None
    nse: float | None
    rmse_over_scale: float
    max_error_lsb: float
    saturated_share: float
    used_range: float


@dataclass(frozen=True)
class LayerDevice:
    """One layer on the device, against the int8 definition on the same input, and its cost.

    compared/differing count windows; first_difference is the first window that differs.
    max_difference_lsb: over the windows whose tensor was read back, None where none was.
    alone_differs: whether the layer run alone on the definition's inputs differs as well (then
    it is a cause, not a consequence); None where not tried.
    instructions: exact, from an emulator. cycles: DWT on hardware. cycles_estimate: an
    emulator's model, never a board's time. Each None where it does not apply.
    """

    index: int
    name: str
    op: str
    shape: tuple[int, ...]
    size: int
    compared: int
    differing: int
    first_difference: int | None
    max_difference_lsb: int | None
    alone_differs: bool | None
    instructions: int | None
    cycles: int | None
    cycles_estimate: int | None


@dataclass(frozen=True)
class Trial:
    """A model with some of its tensors quantized: windows right, and how far its logits are off.

    right: of QuantizationTrials.labelled. logit_error: rms difference of the logits (what the last
    SOFTMAX takes) to the float model's, over the deviation of the float ones.
    """

    right: int
    logit_error: float


@dataclass(frozen=True)
class Remedy:
    """Everything quantized, but this layer in another way: what that gives."""

    name: str
    trial: Trial


@dataclass(frozen=True)
class LayerTrials:
    """One layer's part in the loss, by experiment in the float model.

    only_weights, only_output, only: with nothing but these of this layer quantized; all_but: with
    all but this layer. only_weights: None where the layer has no weights. saturation:
    share of the output's squared error that comes from values beyond the range. used_range: share
    of the calibrated range that the float values take. outlier_ratio: the widest channel of the
    float output over the median one. remedies: tried where this layer is the worst.
    """

    name: str
    op: str
    only_weights: Trial | None
    only_output: Trial
    only: Trial
    all_but: Trial
    saturation: float
    used_range: float
    outlier_ratio: float
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True)
class QuantizationTrials:
    """Experiments in the float model: labelled windows, nothing and everything quantized."""

    labelled: int
    nothing: Trial
    everything: Trial
    layers: tuple[LayerTrials, ...]


@dataclass(frozen=True)
class TensorPair:
    """One window's tensor as the definition has it and as the device gave it: bytes in hex."""

    window: int
    expected: str
    actual: str


@dataclass(frozen=True)
class LayerEvidence:
    """Why a layer differs: measured only where a CRC did, on a few windows.

    layer: index into device_layers. alone: the tensors are those of the layer run alone on the
    definition's inputs (else of the whole model). zero_point: of the output. stateful: it keeps a
    state from call to call. repeats: the same requests twice gave the same bytes. remembers: the
    output depends on the window before (None: not stateful, not tried). kept_state: the definition,
    its state not reset, gives the device's bytes (None: not tried). explained_by: named rules of
    pipeline/hypotheses.py that give the device's bytes in every pair.
    """

    layer: int
    alone: bool
    dtype: Literal["int8", "int16"]
    zero_point: int
    stateful: bool
    repeats: bool
    remembers: bool | None
    kept_state: bool | None
    explained_by: tuple[str, ...]
    pairs: tuple[TensorPair, ...]


@dataclass(frozen=True)
class RawPair:
    """A raw window (int16 little endian) and the model input it makes (int8): bytes in hex."""

    window: int
    raw: str
    expected: str
    actual: str


@dataclass(frozen=True)
class InputEvidence:
    """How the device's preprocessing differs from the definition, on a few windows.

    channels by name; mean, std and unit_per_count per channel, units by name; scale and
    zero_point of the model's input.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    unit_per_count: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float
    zero_point: int
    pairs: tuple[RawPair, ...]


@dataclass(frozen=True)
class ChannelShift:
    """One channel, in training and in the windows under test, in its unit.

    effect: how far log(std) lies from the training subjects' mean, in standard deviations between
    them (None: fewer than three subjects). *_rail: share of samples at an end of int16.
    *_psd: power spectral density, unit² / Hz, at DataShift.frequencies.
    """

    name: str
    unit: str
    training_mean: float
    training_std: float
    target_mean: float
    target_std: float
    effect: float | None
    training_rail: float
    target_rail: float
    training_psd: tuple[float, ...]
    target_psd: tuple[float, ...]


@dataclass(frozen=True)
class Correction:
    """A shift that would explain the difference, and what undoing it does.

    kind: "mirrored", "rotated", "swapped-sensors" or "unit". undo: channel i becomes sign · channel
    source, by name ("-ay"); factor: what every channel is multiplied by. distance: maximum mean
    discrepancy to the training windows after undoing. float_predicted, int8_predicted: the classes
    that the first float model (empty: there is none) and the int8 definition then give.
    """

    kind: Literal["mirrored", "rotated", "swapped-sensors", "unit"]
    undo: tuple[str, ...]
    factor: tuple[float, ...]
    distance: float
    float_predicted: tuple[int, ...]
    int8_predicted: tuple[int, ...]


@dataclass(frozen=True)
class DataShift:
    """The windows under test against the model's training windows, before any model.

    seen_correct of seen_total: what the first float model gets right of labelled training windows;
    it has seen them, so that this is an upper bound of what it does on new recordings.
    gravity_norm: median length of a window's mean acceleration, in g, training and target.
    gyro_rms: of the angular rate, rad/s. rail_share: samples at an end of int16. rotation_deg:
    between the mean directions of gravity. distance: as in Correction, nothing undone; p_value: of
    that distance, recordings exchanged between both sets, and how many recordings there were.
    """

    seen_correct: int
    seen_total: int
    subjects: tuple[str, ...]
    channels: tuple[ChannelShift, ...]
    frequencies: tuple[float, ...]
    gravity_norm: tuple[float, float] | None
    gyro_rms: tuple[float, float] | None
    rotation_deg: float | None
    distance: float
    p_value: float
    recordings: tuple[int, int]
    corrections: tuple[Correction, ...]


@dataclass(frozen=True)
class ByteComparison:
    """Two columns that must agree to the byte, or two int8 inputs.

    what: "output" or "input". differing: windows whose bytes differ, in order.
    """

    expected: str
    actual: str
    what: str
    compared: int
    differing: tuple[int, ...]
    max_difference_lsb: int


@dataclass(frozen=True)
class Memory:
    """Bytes used against the board's budget. stack_peak is measured, the rest is linked."""

    flash_used: int
    flash_size: int
    ram_static: int
    ram_size: int
    arena: int
    stack_size: int
    stack_peak: int


@dataclass(frozen=True)
class Link:
    """The line, as both ends saw it.

    late: retransmissions that were not needed, because the first answer was only slow.
    """

    frames: int
    retransmissions: int
    bad_frames_device: int
    bad_frames_host: int
    overruns: int
    line_errors: int
    late: int = 0


@dataclass(frozen=True)
class Windows:
    """What is known of each window; see hil/vectors.py. label -1: unknown."""

    classes: tuple[str, ...]
    label: tuple[int, ...]
    subject: tuple[str, ...]
    recording: tuple[int, ...]


@dataclass(frozen=True)
class CompressionRow:
    """Copied from the model's manifest: see hil/model_folder.py."""

    variant: str
    file_bytes: int
    gzip_bytes: int
    accuracy: float | None
    sparsity: float | None


@dataclass(frozen=True)
class Run:
    """A whole run. incomplete: None, or why it ended early (what was measured is kept).

    input_saturated: share of the int8 model inputs' codes that stand at an end of the int8 range.
    """

    format: str
    version: int
    incomplete: str | None
    identity: Identity
    windows: Windows
    max_drop: float
    columns: tuple[Column, ...]
    quantization: tuple[LayerQuantization, ...]
    device_layers: tuple[LayerDevice, ...]
    layer_evidence: tuple[LayerEvidence, ...]
    input_evidence: InputEvidence | None
    data_shift: DataShift | None
    trials: QuantizationTrials | None
    input_saturated: float
    comparisons: tuple[ByteComparison, ...]
    compression: tuple[CompressionRow, ...]
    memory: Memory | None
    link: Link | None
    instructions_per_inference: int | None
    cycles_per_inference: int | None
    cycles_estimate_per_inference: int | None
    fault: str | None
    notes: tuple[str, ...]


def save_run(path: Path, run: Run) -> None:
    """Write a run record, whole or not at all."""
    write_json(path, run)


def load_run(path: Path) -> Run:
    """Read a run record. Raises InputError naming the file, the place in it and the reason."""
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError(f"{path}: not a {FORMAT} record")
    if raw.get("version") != VERSION:
        raise InputError(
            f"{path}: made by another version of tinyhil (a record of version {VERSION} is read "
            "here); run again"
        )
    run = from_json(Run, raw, path.name)
    _check_lengths(path, run)
    _check_evidence(path, run)
    _check_shift(path, run)
    return run


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
    for i, channel in enumerate(shift.channels):
        if not len(channel.training_psd) == len(channel.target_psd) == len(shift.frequencies):
            raise InputError(f"{where}.channels[{i}]: not one density for each frequency")


def _check_hex(where: str, texts: list[str], size: int) -> None:
    for text in texts:
        if len(text) != size or not set(text) <= set("0123456789abcdef"):
            raise InputError(f"{where}: a tensor is not {size} hexadecimal digits")


def _check_lengths(path: Path, run: Run) -> None:
    """Refuse arrays over windows that do not fit one another, and classes that are none."""
    count, classes = len(run.windows.label), len(run.windows.classes)
    if not len(run.windows.subject) == len(run.windows.recording) == count:
        raise InputError(f"{path}: windows: label, subject and recording differ in length")
    if not all(-1 <= label < classes for label in run.windows.label):
        raise InputError(f"{path}: windows.label: outside -1…{classes - 1}")
    if not 0 <= run.input_saturated <= 1:
        raise InputError(f"{path}: input_saturated: outside 0…1")
    for i, comparison in enumerate(run.comparisons):
        if not all(0 <= window < count for window in comparison.differing):
            raise InputError(f"{path}: comparisons[{i}].differing: outside 0…{count - 1}")
    for i, column in enumerate(run.columns):
        where = f"{path}: columns[{i}]"
        if not len(column.predicted) == len(column.scores) == count:
            raise InputError(f"{where}: not one prediction and score for each of {count} windows")
        if not all(-1 <= p < classes for p in column.predicted):
            raise InputError(f"{where}.predicted: outside -1…{classes - 1}")
        for p, scores in zip(column.predicted, column.scores, strict=True):
            if len(scores) != (0 if p < 0 else classes) or not all(map(isfinite, scores)):
                raise InputError(f"{where}.scores: not {classes} finite numbers a measured window")
