"""Which layer quantization's loss comes from, and why: told from the experiments of a run. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.errors import clean
from hil.record import LayerTrials, QuantizationTrials, Run
from hil.verdict.retrained import gains
from hil.verdict.rules.steps import numbers
from hil.verdict.rules.wording import layer_title, percent, plural

#: Most of an error: its source is named.
MOST: Final = 0.5
#: A range four times as wide as the values leaves two of eight bits idle: of a squared error, only
#: a sixteenth would be left in a range that fits. (Half of the range is idle in any good model.)
IDLE: Final = 15 / 16
#: One channel this much wider than the median one leaves it three bits fewer.
OUTLIER: Final = 8.0

#: Inputs of the reference models have none there; what lies beyond is lost before any layer.
INPUT_SATURATED: Final = 0.05
INPUT_REMEDY: Final = "calibrate again, on windows like these, or check mean/std"

#: The cheapest first: of remedies that give the same windows, that one is advised.
REMEDIES: Final = {
    "recalibrate": "calibrate on more windows",
    "clip": "clip its calibrated range to 99.9 % of the values",
    "per-channel": "quantize its weights per channel",
    "int16": "keep this layer in int16",
}


@dataclass(frozen=True)
class Blame:
    """The layer whose quantization costs most, why, and what was tried."""

    location: str
    cause: str
    evidence: tuple[str, ...]
    remedy: str | None


def input_blame(run: Run) -> Blame | None:
    """Return what a model input cut off at the ends of int8 explains; None where it is not."""
    if run.input_saturated <= INPUT_SATURATED:
        return None
    said = f"input: {percent(run.input_saturated)} of its values are at the end of the int8 range"
    return Blame("input", "saturation", (said, *retrained(run)), INPUT_REMEDY)


def blame(run: Run, lost: int) -> Blame | None:
    """Return what the experiments say of `lost` windows; None where they do not show the loss."""
    trials = run.trials
    if trials is None or not trials.layers:
        return None
    shown = trials.nothing.right - trials.everything.right
    if shown < MOST * lost:
        return None  # the int8 arithmetic itself, or the file: not what rounding values does
    worst = max(trials.layers, key=lambda layer: layer.only.logit_error)
    evidence = (*_evidence(trials, worst), *retrained(run))
    return Blame(worst.name, _cause(worst), evidence, _remedy(run, trials, worst))


def _cause(layer: LayerTrials) -> str:
    weights = layer.only_weights.logit_error if layer.only_weights else 0.0
    if weights > layer.only_output.logit_error:
        return "weights"
    if layer.saturation > MOST:
        return "saturation"
    if layer.outlier > MOST or (layer.outlier_ratio > OUTLIER and layer.calibration <= IDLE):
        return "outlier-channel"
    return "calibration-range" if layer.calibration > IDLE else "rounding"


def _evidence(trials: QuantizationTrials, layer: LayerTrials) -> list[str]:
    title, n = layer_title(layer.name, layer.op), trials.labelled
    lines = [
        f"only {title} quantized, all else float: {layer.only.right} of {n} right "
        f"({trials.nothing.right} with nothing quantized), logits off by "
        f"{percent(layer.only.logit_error)}",
        f"all but it quantized: {layer.all_but.right} of {n} right "
        f"({trials.everything.right} with everything quantized), logits off by "
        f"{percent(layer.all_but.logit_error)} instead of "
        f"{percent(trials.everything.logit_error)}",
        f"of its output's error {percent(layer.saturation)} is saturation, "
        f"{percent(layer.calibration)} a range wider than its values (they use "
        f"{percent(layer.used_range)}), {percent(layer.outlier)} its widest channel "
        f"({layer.outlier_ratio:.1f} times the median one), {percent(layer.rounding)} rounding",
        *_gates(trials, layer),
    ]
    lines += [
        f"tried: {REMEDIES.get(r.name, r.name)}: {r.trial.right} of {n} right, logits off by "
        f"{percent(r.trial.logit_error)}"
        for r in layer.remedies
    ]
    return lines


def _gates(trials: QuantizationTrials, layer: LayerTrials) -> list[str]:
    """Return the gate of an LSTM whose weights cost most."""
    if not layer.gates:
        return []
    worst = max(layer.gates, key=lambda gate: gate.only_weights.logit_error)
    parts = ", ".join(f"{clean(g.name, 20)} {percent(g.only_weights.logit_error)}"
                      for g in layer.gates)  # fmt: skip
    return [
        f"logits off by one gate's weights alone: {parts}; all but the {clean(worst.name, 20)} "
        f"gate's: {worst.all_but.right} of {trials.labelled} right"
    ]


def retrained(run: Run) -> list[str]:
    """Return what quantization-aware training gives, where it was done."""
    return [
        f"tried: {g.title}: {g.right} of {g.windows} right, {g.net:+d} against int8: "
        f"{numbers(g.gain)} (McNemar's exact test: p = {g.p:.2g})"
        for g in gains(run)
    ]


def _remedy(run: Run, trials: QuantizationTrials, layer: LayerTrials) -> str | None:
    """Return the remedy that helped most; what was tried for nothing, where none did."""
    helped = [
        r for r in layer.remedies if r.trial.logit_error <= MOST * trials.everything.logit_error
    ]
    cheap = {name: i for i, name in enumerate(REMEDIES)}
    best = min(helped, key=lambda r: (-r.trial.right, cheap.get(r.name, len(cheap))), default=None)
    gain = best.trial.right - trials.everything.right if best else 0
    aware = max(gains(run), key=lambda g: g.net, default=None)
    if aware is not None and aware.sure and aware.net > gain:
        return f"{aware.title}: measured, {aware.net:+d} windows right"
    if best is not None:
        return f"{REMEDIES.get(best.name, best.name)}: measured, {gain:+d} windows right"
    if aware is None:
        return None
    return (
        "calibrate on more typical windows; quantization-aware training was tried and does not "
        f"surely help ({aware.net:+d} of {plural(aware.windows, 'window')})"
    )
