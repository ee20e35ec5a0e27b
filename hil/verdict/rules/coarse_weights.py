"""Finding: a layer's weights use a few of their codes, and that is what moves the logits. Pure.

int8 weights are scaled by their largest one, per channel or per tensor (TFLite's quantization
specification), so that some weight of a layer has the code 127 or nearly. A file in which none
reaches half of that was made by another tool, or wrongly: that is in its bytes, whatever a test on
so many windows can tell.
"""

from __future__ import annotations

from typing import Final

from hil.record import LayerTrials, QuantizationTrials, Run
from hil.verdict.findings import Finding
from hil.verdict.rules.accuracy import step_losses
from hil.verdict.rules.quantization import MOST
from hil.verdict.rules.steps import numbers
from hil.verdict.rules.wording import layer_title, note, percent, problem
from hil.verdict.steps import steps

#: Half of the largest code: a bit of every weight is idle.
HALF_OF_LARGEST: Final = 63


def coarse_weights(run: Run) -> list[Finding]:
    """A problem where int8 measured worse than the limit, a note where it did not.

    Not where the loss is sure, and blamed on this layer already.
    """
    step = next((s for s in steps(run) if s.stage == "quantization"), None)
    layer = _coarsest(run.trials) if run.trials else None
    if run.trials is None or layer is None or step is None:
        return []
    if any(f.cause == "weights" and f.location == layer.name for f in step_losses(run)):
        return []
    assert layer.largest_weight is not None
    assert layer.only_weights is not None
    title, codes = layer_title(layer.name, layer.op), 2 * layer.largest_weight + 1
    return [
        (problem if step.loss.value * 100 > run.max_drop else note)(
            "quantization",
            "weights",
            f"The int8 weights of {title} use {codes} of their 255 codes",
            location=layer.name,
            evidence=[
                f"rounding them alone moves the logits by {percent(layer.only_weights.logit_error)}"
                f" of their deviation; everything quantized does by "
                f"{percent(run.trials.everything.logit_error)}",
                f"{step.first} to {step.second}: {numbers(step.loss)} of accuracy lost"
                + ("" if step.significant else ", by these windows alone no more than chance"),
            ],
            remedy="quantize this layer's weights again, scaled by their largest, per channel",
        )
    ]


def _coarsest(trials: QuantizationTrials) -> LayerTrials | None:
    """Return the layer whose weights are coarse and make most of the whole squared error."""
    whole = trials.everything.logit_error**2
    for layer in trials.layers:
        coarse = layer.largest_weight is not None and layer.largest_weight <= HALF_OF_LARGEST
        alone = layer.only_weights.logit_error**2 if layer.only_weights else 0.0
        if coarse and alone > MOST * whole:
            return layer
    return None
