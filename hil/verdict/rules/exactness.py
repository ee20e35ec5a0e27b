"""Findings about bytes that must agree: device against the int8 definition, runtime by runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hil.errors import clean
from hil.record import ByteComparison, LayerDevice, LayerEvidence, Run
from hil.verdict.drift import column, loss, usable
from hil.verdict.findings import Finding
from hil.verdict.rules.input_causes import input_causes
from hil.verdict.rules.layer_causes import REMEDIES, layer_cause
from hil.verdict.rules.session import full_stack
from hil.verdict.rules.wording import layer_title, listed, plural, problem
from hil.verdict.stats import Interval

#: Cause → what the headline says of the preprocessing.
INPUT_VERBS: Final = {
    "gain": "multiplies by a wrong factor",
    "offset": "subtracts a wrong mean",
    "constants": "has another mean and another std",
    "unit": "takes samples for another unit",
    "swapped": "exchanges channels",
    "negated": "turns signs",
    "endianness": "exchanges the two bytes of the samples",
    "wrap": "wraps around where it should stop at the rail",
    "clipped": "stops before the rail",
    "delay": "is off in time by whole samples",
    "rate": "takes samples at another rate",
    "filter": "filters the samples",
    "rounding": "rounds otherwise than the computer's",
    "inputs-differ": "gives the model other inputs than the computer's",
}
INPUT_REMEDIES: Final = {
    **dict.fromkeys(
        ("gain", "offset", "constants"),
        "emit the model's C again: mean and std are constants there",
    ),
    "unit": "convert to the unit that the model was trained in; raw counts need no conversion",
    "swapped": "put the channels into the order ax ay az wx wy wz",
    "negated": "check the axes' directions in the sensor driver",
    "endianness": "samples are int16, little endian",
    "wrap": "clamp to int8 after adding the zero point; subtract the mean in float",
    "clipped": "clamp to −128 and 127, after adding the zero point; check the sensor's range",
    "delay": "check where the window begins in the sample buffer",
    "rate": "sample at the vectors' rate, or resample",
    "filter": "filter the training windows in the same way, or not at all",
    "rounding": "round half away from zero; build with -ffp-contract=off",
    "inputs-differ": "compare mean and std, units and axis order; build with -ffp-contract=off",
}

#: Cause → what the headline says of the layer.
VERBS: Final = {
    "rounding": "rounds by another rule than the int8 model",
    "saturation": "wraps or clamps at other ends than the int8 model",
    "permuted": "gives the right values in another order",
    "zero-point": "is off by a zero point",
    "stale-weights": "computes with other weights or biases than the model's",
    "scale": "gives the right values times a wrong factor",
    "overwritten": "has its memory overwritten while its values are still needed",
    "left-over-state": "remembers the window before: its state is not reset",
    "not-repeatable": "gives two different outputs for one input",
    "never-written": "leaves its output, or part of it, as it was",
    "kernel": "computes wrong values on the device, even alone on right inputs",
}


def comparison(run: Run, actual: str, what: str) -> ByteComparison | None:
    """Return a comparison by what was compared."""
    return next((c for c in run.comparisons if (c.actual, c.what) == (actual, what)), None)


def device_differs(run: Run) -> list[Finding]:
    """The device's outputs or layers are not those of the int8 definition."""
    output = comparison(run, "device", "output")
    wrong = [layer for layer in run.device_layers if layer.differing]
    if not wrong and not (output is not None and output.differing):
        return []
    common = [_outputs(output)] if output else []
    common += [_layer(layer) for layer in wrong[:6]]
    effect = step_effect(run, "device")
    if full_stack(run):
        return [_stack_overrun(run, common, effect)]
    named = [_named(run, found, common, effect) for found in run.layer_evidence]
    return named or [_unnamed(run, wrong, common, effect)]


def step_effect(run: Run, name: str) -> Interval | None:
    """Return the change of accuracy from a column's predecessor to it; None where not judged."""
    second = column(run, name)
    first = column(run, second.after) if second and second.after else None
    if first is None or second is None:
        return None
    lost = loss(run, first, second)
    return (
        Interval(-lost.value, -lost.high, -lost.low) if usable(run, first, second).any() else None
    )


def _named(
    run: Run, found: LayerEvidence, common: Sequence[str], effect: Interval | None
) -> Finding:
    """A layer with evidence: its cause has a name."""
    layer, cause = run.device_layers[found.layer], layer_cause(run, found)
    title = layer_title(layer.name, layer.op)
    return problem(
        "device",
        cause.name,
        f"Layer {title} {VERBS[cause.name]}",
        location=layer.name,
        evidence=[*cause.evidence, *common],
        remedy=REMEDIES[cause.name],
        effect=effect,
    )


def _unnamed(
    run: Run, wrong: Sequence[LayerDevice], common: Sequence[str], effect: Interval | None
) -> Finding:
    """Something differs, but no tensor was read (an incomplete run, or a layer too large)."""
    remedy = f"build and load it again: tinyhil flash --board {run.identity.board} --model …"
    if not wrong:
        headline = "The device's outputs differ from the int8 model's on the same inputs"
        return problem("device", "output", headline, evidence=common, remedy=remedy, effect=effect)
    guilty = next((layer for layer in wrong if layer.alone_differs), None)
    first = guilty or min(wrong, key=lambda layer: layer.index)
    title = layer_title(first.name, first.op)
    cause, headline = "layer", f"The device first differs from the int8 model at layer {title}"
    if guilty or all(layer.alone_differs is False for layer in wrong):
        cause = "kernel" if guilty else "overwritten"
        headline = f"Layer {title} {VERBS[cause]}"
    return problem(
        "device",
        cause,
        headline,
        location=first.name,
        evidence=common,
        remedy=remedy,
        effect=effect,
    )


def _stack_overrun(run: Run, common: Sequence[str], effect: Interval | None) -> Finding:
    memory = run.memory
    assert memory is not None
    text = f"the stack was used to its last byte: {memory.stack_peak:,} of {memory.stack_size:,}"
    return problem(
        "device",
        "stack-overrun",
        "Results are wrong and the stack was used to its last byte",
        location="stack",
        evidence=[text, *common],
        remedy="a larger stack (linker script), or smaller buffers on it",
        effect=effect,
    )


def _outputs(item: ByteComparison) -> str:
    return (
        f"outputs: {len(item.differing)} of {item.compared} differ, by at most "
        f"{plural(item.max_difference_lsb, 'step')}; windows {listed(item.differing) or 'none'}"
    )


def _layer(layer: LayerDevice) -> str:
    text = (
        f"layer {layer.index} {layer_title(layer.name, layer.op)}: "
        f"{layer.differing} of {layer.compared} windows differ"
    )
    if layer.first_difference is not None:
        text += f", first window {layer.first_difference}"
    if layer.max_difference_lsb is not None:
        text += f", by at most {plural(layer.max_difference_lsb, 'step')}"
    alone = {True: "wrong as well", False: "right", None: "not tried"}[layer.alone_differs]
    return f"{text}; run alone: {alone}"


def preprocessing_differs(run: Run) -> list[Finding]:
    """The device makes other model inputs of the raw samples than the computer does."""
    inputs = comparison(run, "device-raw", "input")
    output = comparison(run, "device-raw", "output")
    if inputs is not None and inputs.differing:
        common = [
            f"model inputs: {len(inputs.differing)} of {inputs.compared} windows differ; "
            f"windows {listed(inputs.differing)}",
            *([_outputs(output)] if output else []),
        ]
        return _inputs(run, inputs, common)
    if output is not None and output.differing and not _two_answers(run):
        headline = "Raw samples give other outputs on the device, though the model's inputs agree"
        return [
            problem(
                "preprocessing",
                "outputs-differ",
                headline,
                evidence=[_outputs(output)],
                remedy="the model's state may not be reset on that path",
            )
        ]
    return []


def _two_answers(run: Run) -> bool:
    """Whether the device answers one input in two ways: then it does so on either path."""
    told = (layer_cause(run, found).name for found in run.layer_evidence)
    return any(name in ("left-over-state", "not-repeatable") for name in told)


def _inputs(run: Run, item: ByteComparison, common: Sequence[str]) -> list[Finding]:
    """One finding for each cause, over the channels that have it."""
    effect, given = step_effect(run, "device-raw"), run.input_evidence
    told = input_causes(given) if given else []
    if given is None or not told:
        headline = (
            f"The device's preprocessing {INPUT_VERBS['inputs-differ']} "
            f"in {len(item.differing)} of {item.compared} windows"
        )
        remedy = INPUT_REMEDIES["inputs-differ"]
        return [
            problem(
                "preprocessing",
                "inputs-differ",
                headline,
                evidence=common,
                remedy=remedy,
                effect=effect,
            )
        ]
    made = []
    for name in dict.fromkeys(cause.name for cause in told):
        same = [cause for cause in told if cause.name == name]
        channels = [clean(given.channels[cause.channel], 20) for cause in same]
        everywhere = len(channels) == len(given.channels)
        texts = [f"{ch}: {cause.text}" for ch, cause in zip(channels, same, strict=True)]
        made.append(
            problem(
                "preprocessing",
                name,
                f"The device's preprocessing {INPUT_VERBS[name]}"
                + (", in every channel" if everywhere else f": {', '.join(channels)}"),
                location=None if everywhere else ", ".join(channels),
                evidence=[*texts, *common],
                remedy=INPUT_REMEDIES[name],
                effect=effect,
            )
        )
    return made
