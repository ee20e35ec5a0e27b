"""The named faults that the diagnosis is tested on; see hil/zoo.

Each is planted in the artefact where it would be in practice. What should be found is not said
here but in hil/zoo/expected.py, which only the scorer reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Plane = Literal["recordings", "model", "code", "board-code", "memory", "wire", "build"]

#: Planes whose faults need a board's own image on the emulator; the rest runs on the host port.
ON_BOARDS: Final = ("board-code", "memory", "wire")

#: Faults that change what a model predicts, and no byte that two parts must agree on.
STATISTICAL: Final = ("recordings", "model")

SEVERITIES: Final = ("mild", "medium", "severe")


@dataclass(frozen=True)
class Fault:
    """One fault.

    plane: which artefact it is planted in. how: the name of the change there. places: architecture
    → where: a layer's name, or channels by number; "|" separates one for each severity. Those
    without an entry do not have it. amounts: one for each severity, in the change's own unit.
    """

    name: str
    about: str
    plane: Plane
    how: str
    places: dict[str, str]
    amounts: tuple[float, float, float]

    @property
    def exact(self) -> bool:
        """Whether one differing byte (or damaged frame) shows it."""
        return self.plane not in STATISTICAL

    def place(self, arch: str, severity: int) -> str:
        """Return where it is planted."""
        places = self.places[arch].split("|")
        return places[severity % len(places)]


LSTM: Final = "unidirectional_sequence_lstm_0"
ACCELEROMETER, GYROSCOPE, ALL = "0,1,2", "3,4,5", "0,1,2,3,4,5"

#: A layer in the middle with weights of a plain matrix; of the LSTM it is the only one.
MIDDLE: Final = {"cnn": "conv2", "lstm": "scores", "dense": "dense2"}
FIRST: Final = {"cnn": "conv1", "lstm": LSTM, "dense": "dense1"}
CALIBRATED: Final = {"cnn": "conv2", "lstm": "scores", "dense": "dense1"}
CNN_DENSE: Final = {"cnn": "conv3", "dense": "dense1"}


def _everywhere(place: str) -> dict[str, str]:
    return dict.fromkeys(("cnn", "lstm", "dense"), place)


def _recording(
    name: str, place: str, amounts: tuple[float, float, float], about: str, how: str = ""
) -> Fault:
    return Fault(f"recording-{name}", about, "recordings", how or name, _everywhere(place), amounts)


def _code(
    name: str, places: dict[str, str], amounts: tuple[float, float, float], about: str, how: str
) -> Fault:
    return Fault(f"device-{name}", about, "code", how, places, amounts)


def _preprocessing(
    name: str, place: str, amounts: tuple[float, float, float], about: str, how: str
) -> Fault:
    return Fault(f"preprocessing-{name}", about, "code", how, _everywhere(place), amounts)


def _model(
    name: str, places: dict[str, str], amounts: tuple[float, float, float], about: str, how: str
) -> Fault:
    return Fault(name, about, "model", how, places, amounts)


def _wire(kind: str, amounts: tuple[float, float, float], about: str) -> Fault:
    return Fault(f"wire-{kind}", about, "wire", kind, {"cnn": "both"}, amounts)


_RECORDINGS: Final = (
    _recording(
        "unit-accelerometer",
        ACCELEROMETER,
        (0.1019716, 9.80665, 1000.0),
        "g for m/s², m/s² for g, milli-g for g",
        "gain",
    ),
    _recording(
        "unit-gyroscope",
        GYROSCOPE,
        (0.0174533, 57.29578, 57295.78),
        "radians for degrees, degrees for radians, millidegrees for radians",
        "gain",
    ),
    _recording(
        "range-accelerometer", ACCELEROMETER, (1.5, 2.0, 4.0), "another range than stated", "gain"
    ),
    _recording("clipping", ACCELEROMETER, (0.9, 0.7, 0.5), "a range too small, in g", "clip"),
    _recording("sensor-swap", ALL, (0, 0, 0), "accelerometer and gyroscope exchanged"),
    _recording(
        "axes-swap", "0,1|1,2|0,1,2", (0, 0, 0), "axes of the accelerometer exchanged", "turn"
    ),
    _recording("rotation", ALL, (30, 60, 90), "the sensor turned about z, in degrees", "rotate"),
    _recording("mirror", ALL, (0, 0, 0), "the watch on the other arm"),
    _recording("gain-gyroscope", GYROSCOPE, (0.7, 0.5, 0.25), "gyroscope too weak", "gain"),
    _recording("bias", "2", (0.25, 0.5, 1.0), "an offset of the accelerometer's z, in g"),
    _recording(
        "gravity",
        ACCELEROMETER,
        (0.9, 0.95, 1),
        "linear acceleration: so much of each window's mean, which is gravity, is taken off",
        "centre",
    ),
    _recording("rate", ALL, (1.25, 1.6, 2.0), "played at another rate"),
    _recording("delay", GYROSCOPE, (5, 10, 20), "gyroscope late, in samples"),
    _recording("endianness", ALL, (0, 0, 0), "the bytes of each sample exchanged"),
)

_PREPROCESSING: Final = (
    _preprocessing("gain", "1", (1.02, 1.2, 1.8), "std of one channel wrong", "pre-factor"),
    _preprocessing(
        "unit-accelerometer",
        ACCELEROMETER,
        (0.1019716, 9.80665, 1000.0),
        "g for m/s², m/s² for g, milli-g for g",
        "pre-factor",
    ),
    _preprocessing(
        "unit-gyroscope",
        GYROSCOPE,
        (0.0174533, 57.29578, 57295.78),
        "radians for degrees, degrees for radians, millidegrees for radians",
        "pre-factor",
    ),
    _preprocessing(
        "offset", "2", (0.05, 0.3, 1.5), "mean of one channel wrong, in std", "pre-offset"
    ),
    _preprocessing(
        "constants", "0,4", (0.1, 0.3, 0.8), "mean and std of another training", "pre-constants"
    ),
    _preprocessing("axes-swap", "3,4|0,1|0,1,2", (0, 0, 0), "axes exchanged", "pre-exchange"),
    _preprocessing(
        "sensor-swap",
        "2,5|1,4|0,3",
        (0, 0, 0),
        "an axis of the accelerometer and one of the gyroscope",
        "pre-exchange",
    ),
    _preprocessing(
        "negated", "5|0,1|3,4,5", (-1, -1, -1), "an axis with its sign turned", "pre-factor"
    ),
    _preprocessing(
        "endianness",
        f"3|{GYROSCOPE}|{ALL}",
        (0, 0, 0),
        "the bytes of each sample exchanged",
        "pre-endianness",
    ),
    _preprocessing(
        "wrap",
        f"0,3|{ACCELEROMETER}|{ALL}",
        (1, 1, 1),
        "codes wrap around at the rails",
        "pre-wrap",
    ),
    _preprocessing("delay", ALL, (1, 3, 10), "samples late", "pre-delay"),
    _preprocessing("rate", ALL, (0.95, 0.8, 0.5), "samples taken at another rate", "pre-rate"),
    _preprocessing("smoothing", ALL, (2, 4, 8), "a running mean before the model", "pre-smoothing"),
    _preprocessing("rounding", ALL, (0, 1, 2), "halves to even, floor, truncation", "pre-rounding"),
    _preprocessing(
        "contraction", ALL, (0, 0, 0), "multiply and add fused by the compiler", "pre-fused"
    ),
)

_DEVICE: Final = (
    _code("rounding-rule", MIDDLE, (0, 1, 2), "single rounding, float, truncation", "rounding"),
    _code(
        "narrow-accumulator",
        FIRST | {"lstm": "scores"},
        (15, 13, 12),
        "sums kept in so few bits",
        "narrow-accumulator",
    ),
    _code("narrow-rails", MIDDLE, (112, 80, 40), "codes limited to less than int8", "narrow-rails"),
    _code(
        "wrapping-output",
        {"cnn": "scores", "lstm": "scores", "dense": "scores"},
        (1.5, 2.0, 3.0),
        "a multiplier too large, and codes that wrap around",
        "wrap-output",
    ),
    _code(
        "output-zero-point", MIDDLE, (1, 4, 16), "another zero point of the output", "zero-point"
    ),
    _code(
        "input-zero-point",
        MIDDLE,
        (1, 5, 25),
        "another zero point of the input",
        "input-zero-point",
    ),
    _code("multiplier", CNN_DENSE, (1.02, 1.2, 2.0), "another multiplier", "multiplier"),
    _code(
        "output-order",
        {"cnn": "conv2", "dense": "dense1"},
        (0, 1, 2),
        "outputs in another order",
        "order",
    ),
    _code(
        "transposed-weights",
        {
            "cnn": "dense1|conv3|conv2",
            "dense": "scores|dense2|dense1",
            "lstm": f"scores|{LSTM}|{LSTM}",
        },
        (1, 1, 1),
        "weights read column by column",
        "transpose-weights",
    ),
    _code(
        "dropped-inputs",
        FIRST | {"lstm": "scores"},
        (1, 3, 6),
        "a loop that ends too early",
        "drop-inputs",
    ),
    _code(
        "stale-channels", MIDDLE, (0.05, 0.2, 0.4), "channels of an older training", "stale-weights"
    ),
    _code(
        "stale-layer",
        {"cnn": "scores|conv3|conv1", "dense": "scores|dense2|dense1", "lstm": LSTM},
        (1, 1, 1),
        "a whole layer of an older training",
        "stale-weights",
    ),
    _code(
        "lost-bias",
        {"cnn": "dense1", "dense": "dense1", "lstm": LSTM},
        (0.05, 0.3, 1),
        "channels without their bias",
        "lose-bias",
    ),
    _code(
        "gate-order", {"lstm": LSTM}, (0, 1, 2), "gates in another framework's order", "swap-gates"
    ),
    _code(
        "skipped-layer",
        {"cnn": "conv3", "lstm": "strided_slice_1", "dense": "dense2"},
        (0.1, 0.5, 1),
        "a layer that does not write its output",
        "skip",
    ),
    _code("race", MIDDLE, (1, 2, 8), "outputs that change from call to call", "flicker"),
    _code(
        "late-write",
        {"cnn": "pool1", "lstm": LSTM, "dense": "dense1"},
        (2, 8, 32),
        "a transfer lands in a tensor before it is read",
        "late-write",
    ),
    _code(
        "overlapping-buffers",
        {"cnn": "conv2", "dense": "dense1", "lstm": "scores"},
        (0, 1, 2),
        "a layer writes over its input while reading it",
        "overlap",
    ),
    _code(
        "state-not-reset",
        {"lstm": LSTM},
        (0, 1, 2),
        "state left from the window before",
        "no-reset",
    ),
)

_BUILD: Final = (
    Fault(
        "build-other-model",
        "the firmware of another model",
        "build",
        "other-model",
        {"cnn": "dense", "dense": "lstm", "lstm": "cnn"},
        (0, 0, 0),
    ),
    Fault(
        "build-stale-firmware",
        "firmware of older sources",
        "build",
        "stale-firmware",
        _everywhere("hash"),
        (0, 0, 0),
    ),
    Fault(
        "build-other-board",
        "the firmware of another board",
        "build",
        "other-board",
        _everywhere("sensortile"),
        (0, 0, 0),
    ),
)

_BOARDS: Final = (
    _wire("drop", (2e-5, 1e-4, 3e-4), "bytes lost on the line"),
    _wire("flip", (2e-5, 1e-4, 3e-4), "bits turned on the line"),
    _wire("duplicate", (2e-5, 1e-4, 3e-4), "bytes doubled on the line"),
    _wire("truncate", (2e-5, 1e-4, 3e-4), "frames cut short"),
    _wire("cut", (4_000, 2_000, 800), "the cable pulled after so many bytes"),
    Fault(
        "memory-weight-bits",
        "bits turned in the weights in flash",
        "memory",
        "weight-bits",
        {"cnn": "conv2", "dense": "dense1", "lstm": LSTM},
        (1, 8, 64),
    ),
    Fault(
        "memory-mean",
        "a constant of the preprocessing damaged",
        "memory",
        "mean",
        {"cnn": "2", "dense": "1"},
        (100, 1000, 4000),
    ),
    Fault(
        "memory-gain",
        "a constant of the preprocessing damaged",
        "memory",
        "gain",
        {"cnn": "3", "dense": "5"},
        (1.1, 1.5, 4),
    ),
    Fault(
        "memory-stack-overrun",
        "a layer that needs more stack than there is",
        "board-code",
        "deep-stack",
        {"cnn": "conv2", "dense": "dense2"},
        (3800, 4300, 6000),
    ),
    Fault(
        "memory-crash",
        "an undefined instruction at the call number so and so",
        "board-code",
        "trap",
        {"cnn": "conv3", "dense": "scores"},
        (200, 80, 30),
    ),
    Fault(
        "memory-late-write",
        "a transfer lands in a tensor before it is read",
        "board-code",
        "late-write",
        {"cnn": "conv1", "dense": "dense2"},
        (2, 8, 16),
    ),
)

_MODEL: Final = (
    _model(
        "training-stopped", _everywhere("all"), (0.3, 0.6, 1), "a training that failed", "weaken"
    ),
    _model(
        "training-class-bias",
        _everywhere("first"),
        (3, 6, 12),
        "a training that favours one class",
        "favour-class",
    ),
    _model(
        "pruning-too-far",
        _everywhere("all"),
        (0.9, 0.95, 0.99),
        "too little is left",
        "prune-further",
    ),
    _model(
        "quantization-narrow-range",
        CALIBRATED,
        (0.2, 0.08, 0.03),
        "a range too small",
        "scale-range",
    ),
    _model(
        "quantization-wide-range", CALIBRATED, (24, 64, 200), "a range far too large", "scale-range"
    ),
    _model(
        "quantization-few-windows",
        {"cnn": "any", "dense": "any"},
        (8, 3, 1),
        "calibrated on a few windows of one class",
        "calibrate-on",
    ),
    _model(
        "quantization-outlier-channel",
        {"cnn": "conv2", "dense": "dense1"},
        (16, 64, 200),
        "one channel much larger than the others",
        "outlier-channel",
    ),
    _model(
        "quantization-coarse-weights",
        {"cnn": "conv2", "dense": "dense1"},
        (4, 3, 2),
        "weights of few bits",
        "coarse-weights",
    ),
)

FAULTS: Final = {
    f.name: f for f in (*_RECORDINGS, *_MODEL, *_PREPROCESSING, *_DEVICE, *_BUILD, *_BOARDS)
}
