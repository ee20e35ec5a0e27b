"""What a record knows of the layers: their errors, the device's side, and its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: Bars of a histogram: each is 4 codes of int8, or 1,024 of int16.
BINS: Final = 64


@dataclass(frozen=True)
class Histogram:
    """How often a layer's values occur, over all windows, between the ends of its codes.

    floats, codes: values of the float model and of the int8 one, counted in BINS equal steps of the
    int8 one's codes. below, above: float values that round to no code, which saturate. low_rail,
    high_rail: int8 values at the first and at the last code.
    """

    floats: tuple[int, ...]
    codes: tuple[int, ...]
    below: int
    above: int
    low_rail: int
    high_rail: int


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
    histogram: Histogram | None = None


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
class TensorPair:
    """One window's tensor as the definition has it and as the device gave it: bytes in hex."""

    window: int
    expected: str
    actual: str


@dataclass(frozen=True)
class Explanation:
    """A wrong rule of pipeline/hypotheses that gives every byte of a layer: its name, in words."""

    rule: str
    text: str


@dataclass(frozen=True)
class Constants:
    """What a layer with weights computes with, told from its answers to random inputs.

    rows: of the layer; told: those that could be told (the others are clamped too often); affine:
    of these, the rows that are affine in the inputs, as a right kernel's are. other_rows: affine
    rows with another weight or bias; other_weights: of `weights` in all affine rows; lost: those
    of them that are 0.
    """

    rows: int
    told: int
    affine: int
    other_rows: int
    other_weights: int
    other_biases: int
    lost: int
    weights: int


@dataclass(frozen=True)
class LayerEvidence:
    """Why a layer differs: measured only where a CRC did, on a few windows.

    layer: index into device_layers. alone: the tensors are those of the layer run alone on the
    definition's inputs (else of the whole model). zero_point: of the output. stateful: it keeps a
    state from call to call. repeats: one request gave the same bytes every time. remembers: the
    output depends on the window before (None: not stateful, not tried). kept_state: the definition,
    its state not reset, gives the device's bytes (None: not tried). explained: the rule that
    gives the device's bytes in every pair. constants: what it computes with, where no rule does.
    """

    layer: int
    alone: bool
    dtype: Literal["int8", "int16"]
    zero_point: int
    stateful: bool
    repeats: bool
    remembers: bool | None
    kept_state: bool | None
    explained: Explanation | None
    constants: Constants | None
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
