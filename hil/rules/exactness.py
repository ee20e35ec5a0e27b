"""Findings about bytes that must agree: device against the int8 definition, runtime by runtime."""

from __future__ import annotations

from collections.abc import Sequence

from hil.drift import column
from hil.errors import clean
from hil.findings import Finding
from hil.record import ByteComparison, LayerDevice, Run
from hil.rules.wording import layer_title, listed, note, plural, problem


def comparison(run: Run, actual: str, what: str) -> ByteComparison | None:
    """Return a comparison by what was compared."""
    return next((c for c in run.comparisons if (c.actual, c.what) == (actual, what)), None)


def device_differs(run: Run) -> list[Finding]:
    """The device's outputs or layers are not those of the int8 definition."""
    output = comparison(run, "device", "output")
    wrong = [layer for layer in run.device_layers if layer.differing]
    outputs_differ = output is not None and bool(output.differing)
    if not (wrong or outputs_differ):
        return []
    evidence = [_outputs(output)] if output else []
    evidence += [_layer(layer) for layer in wrong[:6]]
    headline, cause, location, remedy = _blame(run, wrong)
    return [problem("device", cause, headline, location=location, evidence=evidence, remedy=remedy)]


def _blame(run: Run, wrong: Sequence[LayerDevice]) -> tuple[str, str, str | None, str]:
    """Return (headline, cause, location, remedy)."""
    rebuild = f"build and load it again: tinyhil flash --board {run.identity.board} --model …"
    if not wrong:
        return (
            "The device's outputs differ from the int8 model's on the same inputs",
            "output",
            None,
            rebuild,
        )
    guilty = [layer for layer in wrong if layer.alone_differs]
    if guilty:
        title = layer_title(guilty[0].name, guilty[0].op)
        return (
            f"Layer {title} computes wrong values on the device, even alone on right inputs",
            "kernel",
            guilty[0].name,
            f"{rebuild}; if it stays, the device's {clean(guilty[0].op, 40)} kernel or its "
            "compiler options are at fault",
        )
    first = min(wrong, key=lambda layer: layer.index)
    title = layer_title(first.name, first.op)
    if all(layer.alone_differs is False for layer in wrong):
        return (
            f"Values go wrong at layer {title}, though every layer is right when run alone: "
            "something overwrites its input, or state is left over from the window before",
            "overwritten",
            first.name,
            "look at what shares memory with that layer's inputs, and at the model's reset",
        )
    return (
        f"The device first differs from the int8 model at layer {title}",
        "layer",
        first.name,
        rebuild,
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
        evidence = [
            f"model inputs: {len(inputs.differing)} of {inputs.compared} windows differ; "
            f"windows {listed(inputs.differing)}",
            *([_outputs(output)] if output else []),
        ]
        headline = (
            "The device's preprocessing gives the model other inputs than the computer's "
            f"in {len(inputs.differing)} of {inputs.compared} windows"
        )
        remedy = "compare mean and std, units and axis order; build with -ffp-contract=off"
        return [
            problem("preprocessing", "inputs-differ", headline, evidence=evidence, remedy=remedy)
        ]
    if output is not None and output.differing:
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


def runtimes_disagree(run: Run) -> list[Finding]:
    """Other int8 runtimes give other bytes for the same file: expected, and worth knowing."""
    items = [c for c in run.comparisons if c.actual.startswith("int8-") and c.differing]
    if not items:
        return []
    worst = max(items, key=lambda c: len(c.differing))
    headline = (
        "int8 runtimes on the computer disagree about the same file: "
        f"{clean(worst.actual, 40)} differs in {len(worst.differing)} of {worst.compared} windows"
    )
    return [
        note(
            "quantization",
            "runtimes",
            headline,
            evidence=[_runtime(run, item) for item in items],
            remedy="compare the board with the column int8 (TFLM's arithmetic), not with these",
        )
    ]


def _runtime(run: Run, item: ByteComparison) -> str:
    ours, other = column(run, item.expected), column(run, item.actual)
    changed = 0
    if ours and other:
        changed = sum(ours.predicted[i] != other.predicted[i] for i in item.differing)
    return (
        f"{clean(item.actual, 40)}: {len(item.differing)} of {item.compared} windows differ, by at "
        f"most {plural(item.max_difference_lsb, 'step')}; {changed} of them change class"
    )
