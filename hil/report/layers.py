"""Layer by layer: the error of quantization, and the device against the int8 definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hil.record import ByteComparison, LayerDevice, LayerQuantization, Run
from hil.verdict.findings import Finding

#: rmse/scale of rounding alone: a uniform error of one step has a deviation of 1/√12.
ROUNDING_ONLY: Final = 12**-0.5

#: TensorFlow's QuantizationDebugger guide flags layers above this rmse/scale.
RMSE_FLAG: Final = 0.7

#: ai-edge-quantizer's `validate` first flags below this cosine.
COSINE_FLAG: Final = 0.99

#: More codes than this at a rail are marked.
SATURATED_FLAG: Final = 0.01

#: The ends of these ranges are exact values (a probability of one), not a signal cut off.
BOUNDED_OPS: Final = ("SOFTMAX", "LOGISTIC", "TANH")

#: Bars of the SQNR end here: 7 bits of a full-range signal give about 6.02 · 8 dB.
SQNR_FULL_DB: Final = 48.0


@dataclass(frozen=True)
class QuantizationRow:
    """A layer's error with what is remarkable about it; `mark` is the class of what is marked.

    Loud ("bad") only where a finding is about the layer: errors that cost nothing are no alarm.
    """

    layer: LayerQuantization
    mark: Literal["bad", "marked"]
    sqnr_share: float | None
    rmse_share: float
    rmse_flag: bool
    cosine_flag: bool
    saturated_flag: bool


@dataclass(frozen=True)
class DeviceRow:
    """A layer on the device; `share`: of the inference's instructions (or cycles)."""

    layer: LayerDevice
    share: float | None


@dataclass(frozen=True)
class ComparisonRow:
    """Bytes of two columns; `device`: one is the device's, so that a difference is a fault."""

    comparison: ByteComparison
    device: bool


@dataclass(frozen=True)
class LayersView:
    """All tables. `first_differing`: the first layer that differs, None where all agree."""

    quantization: tuple[QuantizationRow, ...]
    rmse_mark: float
    device: tuple[DeviceRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    first_differing: LayerDevice | None
    compared: int
    has_instructions: bool
    has_cycles: bool
    has_estimate: bool


def layers_view(run: Run, findings: Sequence[Finding] = ()) -> LayersView:
    """Return the layer tables of a run."""
    blamed = {f.location for f in findings if f.stage == "quantization" and f.severity != "ok"}
    layers, kinds = run.device_layers, {c.name: c.kind for c in run.columns}
    top = max([2 * RMSE_FLAG, *(q.rmse_over_scale for q in run.quantization)])
    costs = [
        layer.instructions if layer.instructions is not None else layer.cycles for layer in layers
    ]
    return LayersView(
        quantization=tuple(quantization_row(q, top, q.name in blamed) for q in run.quantization),
        rmse_mark=ROUNDING_ONLY / top,
        device=tuple(DeviceRow(d, s) for d, s in zip(layers, shares(costs), strict=True)),
        comparisons=tuple(
            ComparisonRow(c, kinds.get(c.actual) == "device") for c in run.comparisons
        ),
        first_differing=next((d for d in layers if d.differing), None),
        compared=max((d.compared for d in layers), default=0),
        has_instructions=any(d.instructions is not None for d in layers),
        has_cycles=any(d.cycles is not None for d in layers),
        has_estimate=any(d.cycles_estimate is not None for d in layers),
    )


def quantization_row(layer: LayerQuantization, top: float, blamed: bool) -> QuantizationRow:
    """Return a layer's row; `top`: the rmse/scale at which a bar is full."""
    return QuantizationRow(
        layer=layer,
        mark="bad" if blamed else "marked",
        sqnr_share=None if layer.sqnr_db is None else layer.sqnr_db / SQNR_FULL_DB,
        rmse_share=layer.rmse_over_scale / top,
        rmse_flag=layer.rmse_over_scale > RMSE_FLAG,
        cosine_flag=layer.cosine is not None and layer.cosine < COSINE_FLAG,
        saturated_flag=layer.saturated_share > SATURATED_FLAG and layer.op not in BOUNDED_OPS,
    )


def shares(costs: list[int | None]) -> list[float | None]:
    """Return each cost as a share of them all; None where it is not known."""
    total = sum(c for c in costs if c is not None)
    return [None if c is None or total <= 0 else c / total for c in costs]
