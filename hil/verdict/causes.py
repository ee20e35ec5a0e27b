"""The closed vocabulary of findings: stages, what a location means there, and the causes.

A finding outside it cannot be built (hil/verdict/rules/wording.py), so whoever reads findings by
their fields (stage, location, cause) knows all that can come.
"""

from __future__ import annotations

from typing import Final

#: Stage → what `location` names there, where it is not None.
LOCATIONS: Final = {
    "link": "nothing: the line has no parts",
    "device": "the layer by its name; for memory the resource: stack, RAM or flash",
    "preprocessing": "the channels by name, joined by a comma and a space; None: all of them",
    "quantization": "the layer by its name, or input: the model's; a class for predominance",
    "conversion": "nothing",
    "runtime": "the column of the other runtime",
    "pruning": "nothing; a class for predominance",
    "training": "a class for predominance",
    "data": "the channel or several joined by a comma and a space; a class for predominance",
    "chain": "the layer where int8 precision falls most, where there is one",
}

#: Causes that any comparison of two columns can have.
_STEP: Final = {
    "loss": "the step costs (or gains) accuracy, and nothing more exact was found",
    "too-few-windows": "the windows cannot tell whether the step costs more than the limit",
    "predominance": "one class is predicted far too often, from this step on",
}

#: Stage → cause → one sentence.
CAUSES: Final[dict[str, dict[str, str]]] = {
    "link": {
        "incomplete": "the session ended before its last window",
        "damaged-frames": "frames were damaged, lost or sent again",
    },
    "device": {
        **_STEP,
        "fault": "the firmware crashed or hung",
        "memory": "a memory is used up, or nearly",
        "stack-overrun": "the stack ran out: the firmware crashed, or results were wrong",
        "rounding": "the layer rounds by another named rule than the int8 definition",
        "saturation": "the layer wraps around or clamps elsewhere than at the int8 rails",
        "permuted": "the layer's values are right, but in another order",
        "zero-point": "every value of the layer is off by the same amount",
        "stale-weights": "the layer, or channels of it, computes with other weights or biases",
        "scale": "the layer's output is the right one times a factor: a wrong multiplier",
        "overwritten": "the layer's memory is overwritten while its values are still needed",
        "left-over-state": "the layer's state is not reset: it remembers the window before",
        "not-repeatable": "the same input gives two different outputs",
        "never-written": "the layer's output is not written: it holds a constant or older bytes",
        "kernel": "the layer computes wrong values even alone: weights or gates in another order, "
        "inputs left out, or in no way that is known here",
        "layer": "a layer differs, and whether alone or by its inputs is not known",
        "output": "outputs differ though no layer was seen to differ",
    },
    "preprocessing": {
        **_STEP,
        "gain": "a channel is multiplied by a wrong factor (std, or the unit per count)",
        "offset": "a channel is shifted by a constant (mean)",
        "constants": "a channel has another mean and another std at once",
        "unit": "a channel's factor is that of another unit: g and m/s², degrees and radians",
        "swapped": "channels are exchanged",
        "negated": "a channel's sign is turned",
        "endianness": "the two bytes of the samples are exchanged",
        "wrap": "samples wrap around instead of stopping at the rail",
        "clipped": "samples stop before the rail of the model's input",
        "delay": "samples are late or early by a constant number",
        "rate": "samples are taken at another rate",
        "filter": "samples are smoothed or sharpened",
        "rounding": "model inputs are off by one code here and there: another rounding",
        "inputs-differ": "model inputs differ in no way that has a name here",
        "outputs-differ": "model inputs agree on both paths, but the outputs do not",
    },
    "quantization": {
        **_STEP,
        "rounding": "steps of this layer's scale are too coarse for its values",
        "saturation": "values of this layer (or input) lie beyond the ends of its int8 range",
        "outlier-channel": "one channel widens the scale of all the others",
        "calibration-range": "the calibrated range is far wider than the values seen",
        "weights": "this layer's weights lose their precision, not its output",
    },
    "conversion": {"loss": "the .tflite is right less often than the Keras model it came from"},
    "runtime": {
        "other-classes": "another runtime decides otherwise than the int8 definition",
        "other-bytes": "another runtime gives other bytes, and the same classes",
    },
    "pruning": _STEP,
    "training": {
        "predominance": _STEP["predominance"],
        "weak-model": "the first model is hardly better than always answering one class",
    },
    "data": {
        **_STEP,
        "no-labels": "the windows have no labels, so that accuracy cannot be told",
        "unit": "a sensor's values are in another unit than in training",
        "clipped": "samples stand at the sensor's rail",
        "swapped-sensors": "accelerometer and gyroscope are exchanged",
        "mirrored": "the axes are those of a mirrored mounting: the other arm",
        "rotated": "the sensor is mounted at another angle",
        "amplitude": "a sensor's range or gain is another one than in training",
        "shift": "the windows differ from the training windows, in no way that has a name here",
    },
    "chain": {
        **_STEP,
        "nothing-wrong": "every step was looked at and none has a problem",
    },
}


def known(stage: str, cause: str) -> bool:
    """Return whether a finding may have this stage and cause."""
    return cause in CAUSES.get(stage, {})
