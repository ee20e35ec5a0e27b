"""Which histograms are drawn, over which range, and what of them saturates."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from hil.record import Histogram, LayerQuantization, Run
from hil.report.layers import BOUNDED_OPS


@dataclass(frozen=True)
class HistogramView:
    """A layer's. ends: real values of the first and last code. rails: those that cut values off.

    beyond: share of the float values that no code reaches.
    """

    layer: LayerQuantization
    histogram: Histogram
    ends: tuple[float, float]
    rails: tuple[str, ...]
    beyond: float


def histograms_view(run: Run) -> tuple[HistogramView, ...]:
    """Return the histogram of every layer that has one."""
    bits = _bits(run)
    return tuple(
        _view(q, q.histogram, bits.get(q.name, 8)) for q in run.quantization if q.histogram
    )


def _bits(run: Run) -> dict[str, int]:
    """Return layer → bits of its codes, by the size of the device's tensors."""
    return {d.name: 8 * d.size // max(1, prod(d.shape)) for d in run.device_layers if d.shape}


def _view(layer: LayerQuantization, h: Histogram, bits: int) -> HistogramView:
    half = 2**15 if bits == 16 else 2**7
    low, high = ((code - layer.zero_point) * layer.scale for code in (-half, half - 1))
    # A rail that is the zero point is where a RELU puts its zeros; bounded functions end there.
    cut = [
        name
        for name, code in (("low", -half), ("high", half - 1))
        if code != layer.zero_point and layer.op not in BOUNDED_OPS
    ]
    total = max(1, sum(h.codes))
    return HistogramView(layer, h, (low, high), tuple(cut), (h.below + h.above) / total)
