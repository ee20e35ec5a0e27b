"""Why a layer differs on the device: the kind of difference, told from a few of its tensors. Pure.

Each test below asks for one pattern that its cause makes and the others do not, the most exact
first: a rule that reproduces every byte beats any resemblance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import clean
from hil.record import Constants, LayerDevice, LayerEvidence, Run
from hil.verdict.rules.wording import percent, plural

#: Rules of pipeline/hypotheses → cause.
RULE_CAUSES: Final = {
    "single rounding": "rounding",
    "no rounding": "rounding",
    "float32 rounding": "rounding",
    "float32 rounding away from zero": "rounding",
    "cutting off": "rounding",
    "wrapping": "saturation",
    "no fused activation": "saturation",
    "clamping before the zero point": "saturation",
    "narrow sums": "saturation",
    "no output zero point": "zero-point",
    "output zero point": "zero-point",
    "input zero point": "zero-point",
    "no bias": "stale-weights",
    "other constants": "stale-weights",
    "dropped inputs": "kernel",
    "padding": "kernel",
    "layout": "kernel",
    "gate order": "kernel",
    "overlap": "overwritten",
    "unwritten": "never-written",
}
#: Rules whose constants are not known, but fitted: near the bytes.
FITTED: Final = ("other constants",)
#: Layers that have weights.
WITH_WEIGHTS: Final = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "UNIDIRECTIONAL_SEQUENCE_LSTM",
)  # fmt: skip
#: Layers that only move or choose values: they round nothing.
MOVING: Final = (
    "MAX_POOL_2D", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "STRIDED_SLICE", "TRANSPOSE", "PAD",
    "REDUCE_MAX",
)  # fmt: skip
#: Fewer values than this show no pattern.
ENOUGH: Final = 4
#: Two codes, each rounded by half a step, differ by at most this from one line.
LINE_RESIDUAL: Final = 1.5

REMEDIES: Final = {
    "rounding": "build with the emitted kernels: another library or macro rounds differently",
    "saturation": "clamp to the range of the fused activation after adding the zero point",
    "permuted": "check the layout: channels last, rows by output channel, class order",
    "zero-point": "check the zero points of input and output, and the bias they are folded into",
    "stale-weights": "emit the model's C again and rebuild; the constants are not this model's",
    "scale": "check the multiplier and shift: they are not this model's scales",
    "overwritten": "look at what shares memory with that layer's input and output (arena plan)",
    "left-over-state": "reset the model before every window (model_reset clears the state)",
    "not-repeatable": "look for memory that is not initialized, interrupts and shared buffers",
    "never-written": "check that the layer runs and that its loops reach the last value",
    "kernel": "emit the C again and rebuild with the project's flags; if it stays, look for what "
    "the evidence names in this layer's C",
}


@dataclass(frozen=True)
class Cause:
    """What was told, and the measurements that told it."""

    name: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Tensors:
    """The pairs of one layer: int64 [windows, values] each; channels: size of the last axis."""

    expected: NDArray[np.int64]
    actual: NDArray[np.int64]
    channels: int
    low: int
    high: int

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which values differ."""
        differ: NDArray[np.bool_] = self.expected != self.actual
        return differ


def layer_cause(run: Run, found: LayerEvidence) -> Cause:
    """Return the cause that the evidence about a layer tells."""
    layer, data = run.device_layers[found.layer], _tensors(run, found)
    for test in (_state, _repeats, _rule):
        if (cause := test(found)) is not None:
            return cause
    if not found.alone:
        return _overwritten(data)
    for pattern in (_permuted, _saturated, _never_written, _offset, _scale):
        if (cause := pattern(data, layer)) is not None:
            return cause
    if found.constants is not None and (cause := _other_constants(found.constants)) is not None:
        return cause
    last = _one_channel(data, layer) or _one_step(data, layer)
    if last is not None:
        return last
    return Cause("kernel", (_spread(data), *_no_pattern(found)))


def _no_pattern(found: LayerEvidence) -> tuple[str, ...]:
    lines = ["not a rounding rule, clamp, order, offset or factor: none of these gives its bytes"]
    told = found.constants
    if told is not None and told.affine < told.told:
        lines.append(
            f"on random inputs {told.told - told.affine} of {plural(told.told, 'output channel')} "
            "are no weighted sum of them: it is not only its constants"
        )
    return tuple(lines)


def _other_constants(told: Constants) -> Cause | None:
    """The layer does what such a layer does, to the rounding, but with other constants."""
    if told.affine < told.told or not told.other_rows:
        return None
    lines = (
        f"on random inputs {plural(told.affine, 'output channel')} are weighted sums of them, as "
        f"they must be: the arithmetic is right ({told.rows - told.told} of {told.rows} are "
        "clamped too often to tell)",
        f"the weights that they tell: {told.other_weights:,} of {told.weights:,} are not the "
        f"model's, in {plural(told.other_rows, 'channel')}; biases: {told.other_biases}",
    )
    if told.lost and told.lost == told.other_weights:
        return Cause("kernel", (*lines, "all of those are 0: inputs are left out"))
    return Cause("stale-weights", lines)


def _tensors(run: Run, found: LayerEvidence) -> Tensors:
    info = np.iinfo(found.dtype)
    expected, actual = (
        np.stack([np.frombuffer(bytes.fromhex(t), found.dtype) for t in texts]).astype(np.int64)
        for texts in ([p.expected for p in found.pairs], [p.actual for p in found.pairs])
    )
    shape = run.device_layers[found.layer].shape
    channels = shape[-1] if shape and expected.shape[1] % max(shape[-1], 1) == 0 else 1
    return Tensors(expected, actual, max(channels, 1), int(info.min), int(info.max))


def _state(found: LayerEvidence) -> Cause | None:
    if not found.stateful or not (found.kept_state or found.remembers):
        return None
    evidence = []
    if found.remembers:
        evidence.append("the same window gives other values after another window")
    if found.kept_state:
        evidence.append("the definition gives the device's bytes when its state is not reset")
    return Cause("left-over-state", tuple(evidence))


def _repeats(found: LayerEvidence) -> Cause | None:
    if found.repeats:
        return None
    text = "the same question asked again and again has more than one answer"
    return Cause("not-repeatable", (text,))


def _rule(found: LayerEvidence) -> Cause | None:
    if found.explained is None or found.explained.rule not in RULE_CAUSES:
        return None
    windows, words = plural(len(found.pairs), "window"), clean(found.explained.text, 120)
    text = f"the layer computed again with {words} gives the device's bytes in {windows}"
    if found.explained.rule in FITTED:
        text = f"{words}: fitted to its outputs in {windows}, they give most of those, but rounding"
    return Cause(RULE_CAUSES[found.explained.rule], (text,))


def _overwritten(data: Tensors) -> Cause:
    places = np.flatnonzero(data.wrong.any(axis=0))
    first, last = (int(places[0]), int(places[-1])) if len(places) else (0, 0)
    text = (
        f"right when run alone, wrong inside the model: values {first} to {last} of "
        f"{data.expected.shape[1]} differ"
    )
    return Cause("overwritten", (text,))


def _permuted(data: Tensors, _layer: LayerDevice) -> Cause | None:
    same = np.sort(data.expected, axis=1) == np.sort(data.actual, axis=1)
    if not same.all() or min(len(set(row)) for row in data.expected.tolist()) < 2:
        return None
    text = f"{percent(float(data.wrong.mean()))} of the values are elsewhere, none is another value"
    return Cause("permuted", (text,))


def _never_written(data: Tensors, _layer: LayerDevice) -> Cause | None:
    """What differs is the same in every window, though the inputs and right values are not."""
    places = np.flatnonzero(data.wrong.any(axis=0))
    still = (data.actual[:, places] == data.actual[0, places]).all()
    moving = (data.expected[:, places] != data.expected[0, places]).any(axis=0).mean()
    if len(data.actual) < 2 or not still or moving < 0.5 or _at_rail(data, places):
        return None
    text = (
        f"{plural(len(places), 'value')} from place {int(places[0])} on are the same in "
        f"{plural(len(data.actual), 'window')}, whatever the input"
    )
    return Cause("never-written", (text,))


def _at_rail(data: Tensors, places: NDArray[np.intp]) -> bool:
    """Whether the values stand at an end of what this layer gives: clamped rather than not made."""
    ends = (int(data.expected.min()), int(data.expected.max()), data.low, data.high)
    return bool(np.isin(data.actual[:, places], ends).all())


def _inside(data: Tensors) -> NDArray[np.bool_]:
    """Which values are clamped in neither tensor, as far as can be seen."""
    inside = np.ones(data.expected.shape, bool)
    for tensor in (data.expected, data.actual):
        inside &= (tensor > tensor.min()) & (tensor < tensor.max())
    return inside


def _offset(data: Tensors, _layer: LayerDevice) -> Cause | None:
    inside = _inside(data)
    difference = (data.actual - data.expected)[inside]
    if len(difference) < ENOUGH or len(set(data.expected[inside].tolist())) < 2:
        return None
    step = int(difference[0])
    if step == 0 or not (difference == step).all():
        return None
    return Cause("zero-point", (f"every value that is not clamped is off by exactly {step:+d}",))


def _saturated(data: Tensors, _layer: LayerDevice) -> Cause | None:
    wrong = data.wrong
    expected, actual = data.expected[wrong], data.actual[wrong]
    ends = (data.low, data.high, int(data.expected.min()), int(data.expected.max()))
    count = plural(len(expected), "differing value")
    low, high = int(data.actual.min()), int(data.actual.max())
    stopped = ((actual == high) & (expected > high)) | ((actual == low) & (expected < low))
    if len(expected) >= ENOUGH and stopped.all():
        return Cause("saturation", (f"{count} stop at {low} or {high} and should go beyond",))
    if np.isin(expected, ends[:2]).all() and len(expected) >= ENOUGH:
        return Cause("saturation", (f"{count} should all be at the rails of the type",))
    return None


def _one_channel(data: Tensors, layer: LayerDevice) -> Cause | None:
    """Single output channels are wrong, the others right to the byte: constants of their rows."""
    if layer.op not in WITH_WEIGHTS or data.channels < 2:
        return None
    each = data.wrong.reshape(-1, data.channels).sum(axis=0)
    hit = np.flatnonzero(each)
    # A rounding rule strikes anywhere; one row's constants strike one channel again and again.
    if 2 * len(hit) > data.channels or each.sum() < 2 * len(hit):
        return None
    names = ", ".join(str(c) for c in hit[:8]) + (" …" if len(hit) > 8 else "")
    text = f"only output channels {names} of {data.channels} differ, the others agree to the byte"
    return Cause("stale-weights", (text, _spread(data)))


def _one_step(data: Tensors, layer: LayerDevice) -> Cause | None:
    if layer.op in MOVING or np.abs(data.actual - data.expected).max() > 1:
        return None
    text = f"{percent(float(data.wrong.mean()))} of the values differ, each by one step"
    return Cause("rounding", (text, "which rule it is was not found"))


def _scale(data: Tensors, _layer: LayerDevice) -> Cause | None:
    inside = _inside(data)
    x, y = data.expected[inside].astype(float), data.actual[inside].astype(float)
    if len(x) < 2 * ENOUGH or len(set(x.tolist())) < ENOUGH or len(set(y.tolist())) < ENOUGH:
        return None
    factor, offset = np.polyfit(x, y, 1)
    worst = float(np.abs(y - factor * x - offset).max())
    if worst > LINE_RESIDUAL * max(1.0, abs(factor)) or abs(factor - 1) < 0.01:
        return None
    text = f"its values are the right ones times {factor:.3f}, to within {worst:.1f} steps"
    return Cause("scale", (text,))


def _spread(data: Tensors) -> str:
    return (
        f"{percent(float(data.wrong.mean()))} of the values differ, by at most "
        f"{plural(int(np.abs(data.actual - data.expected).max()), 'step')}"
    )
