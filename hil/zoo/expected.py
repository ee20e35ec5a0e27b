"""What the diagnosis should find for each fault: the answers, which the scorer alone reads.

Stages and causes are hil/verdict/causes.py's. Where its vocabulary has no name for what was
planted, the answer is the cause that says so ("kernel", "shift"), fixed before anything was scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.zoo.faults import ALL, FAULTS

#: A device that is refused before a session never reaches the diagnosis; its error is the finding.
IDENTITY: Final = "identity"
CHANNELS: Final = ("ax", "ay", "az", "wx", "wy", "wz")

#: Fault → (stage, cause).
ANSWERS: Final[dict[str, tuple[str, str]]] = {
    "recording-unit-accelerometer": ("data", "unit"),
    "recording-unit-gyroscope": ("data", "unit"),
    "recording-range-accelerometer": ("data", "amplitude"),
    "recording-clipping": ("data", "clipped"),
    "recording-sensor-swap": ("data", "swapped-sensors"),
    "recording-axes-swap": ("data", "shift"),
    "recording-rotation": ("data", "rotated"),
    "recording-mirror": ("data", "mirrored"),
    "recording-gain-gyroscope": ("data", "amplitude"),
    "recording-bias": ("data", "shift"),
    "recording-gravity": ("data", "shift"),
    "recording-rate": ("data", "shift"),
    "recording-delay": ("data", "shift"),
    "recording-endianness": ("data", "shift"),
    "training-stopped": ("training", "weak-model"),
    "training-class-bias": ("training", "predominance"),
    "pruning-too-far": ("pruning", "loss"),
    "quantization-narrow-range": ("quantization", "saturation"),
    "quantization-wide-range": ("quantization", "calibration-range"),
    "quantization-few-windows": ("quantization", "saturation"),
    "quantization-outlier-channel": ("quantization", "outlier-channel"),
    "quantization-coarse-weights": ("quantization", "weights"),
    "preprocessing-gain": ("preprocessing", "gain"),
    "preprocessing-unit-accelerometer": ("preprocessing", "unit"),
    "preprocessing-unit-gyroscope": ("preprocessing", "unit"),
    "preprocessing-offset": ("preprocessing", "offset"),
    "preprocessing-constants": ("preprocessing", "constants"),
    "preprocessing-axes-swap": ("preprocessing", "swapped"),
    "preprocessing-sensor-swap": ("preprocessing", "swapped"),
    "preprocessing-negated": ("preprocessing", "negated"),
    "preprocessing-endianness": ("preprocessing", "endianness"),
    "preprocessing-wrap": ("preprocessing", "wrap"),
    "preprocessing-delay": ("preprocessing", "delay"),
    "preprocessing-rate": ("preprocessing", "rate"),
    "preprocessing-smoothing": ("preprocessing", "filter"),
    "preprocessing-rounding": ("preprocessing", "rounding"),
    "preprocessing-contraction": ("preprocessing", "rounding"),
    "device-rounding-rule": ("device", "rounding"),
    "device-narrow-accumulator": ("device", "saturation"),
    "device-narrow-rails": ("device", "saturation"),
    "device-wrapping-output": ("device", "saturation"),
    "device-output-zero-point": ("device", "zero-point"),
    "device-input-zero-point": ("device", "zero-point"),
    "device-multiplier": ("device", "scale"),
    "device-output-order": ("device", "permuted"),
    "device-transposed-weights": ("device", "kernel"),
    "device-dropped-inputs": ("device", "kernel"),
    "device-stale-channels": ("device", "stale-weights"),
    "device-stale-layer": ("device", "stale-weights"),
    "device-lost-bias": ("device", "stale-weights"),
    "device-gate-order": ("device", "kernel"),
    "device-skipped-layer": ("device", "never-written"),
    "device-race": ("device", "not-repeatable"),
    "device-late-write": ("device", "overwritten"),
    "device-overlapping-buffers": ("device", "overwritten"),
    "device-state-not-reset": ("device", "left-over-state"),
    "build-other-model": (IDENTITY, "other-model"),
    "build-stale-firmware": (IDENTITY, "stale-firmware"),
    "build-other-board": (IDENTITY, "other-board"),
    "wire-drop": ("link", "damaged-frames"),
    "wire-flip": ("link", "damaged-frames"),
    "wire-duplicate": ("link", "damaged-frames"),
    "wire-truncate": ("link", "damaged-frames"),
    "wire-cut": ("link", "incomplete"),
    "memory-weight-bits": ("device", "stale-weights"),
    "memory-mean": ("preprocessing", "offset"),
    "memory-gain": ("preprocessing", "gain"),
    "memory-stack-overrun": ("device", "stack-overrun"),
    "memory-crash": ("device", "fault"),
    "memory-late-write": ("device", "overwritten"),
}

ANY_LAYER: Final = (
    "", "conv1", "conv2", "conv3", "average", "dense1", "dense2", "scores",
)  # fmt: skip

#: Places that are not where the fault was planted, or not only there. "": the whole stage.
PLACES: Final[dict[str, tuple[str, ...]]] = {
    "recording-mirror": ("", "ax, wy, wz", ", ".join(CHANNELS)),
    "recording-rotation": ("", "ax, ay, wx, wy", "ax, ay", ", ".join(CHANNELS)),
    "memory-stack-overrun": ("stack",),
    "training-stopped": ("",),
    "training-class-bias": ("PEN",),
    "pruning-too-far": ("",),
    # Every layer's range is wrong; which one costs most is not planted.
    "quantization-few-windows": ANY_LAYER,
    "build-other-model": ("",),
    "build-stale-firmware": ("",),
    "build-other-board": ("",),
}

#: A tensor overwritten between two layers lies with either: the one that wrote it, and the one that
#: reads it.
READERS: Final = {
    ("cnn", "pool1"): "conv2",
    ("cnn", "conv1"): "pool1",
    ("lstm", "unidirectional_sequence_lstm_0"): "strided_slice_1",
    ("dense", "dense1"): "dense2",
    ("dense", "dense2"): "scores",
}


@dataclass(frozen=True)
class Expected:
    """What to find. places: each a set of names that is right; the empty one is the whole stage."""

    stage: str
    cause: str
    places: tuple[frozenset[str], ...]


def expected(name: str, arch: str, severity: int) -> Expected:
    """Return the answer for a fault as it was planted."""
    stage, cause = ANSWERS[name]
    texts = PLACES.get(name) or _planted(name, arch, severity)
    return Expected(stage, cause, tuple(place(text) for text in texts))


def place(text: str | None) -> frozenset[str]:
    """Return a location as the set of its names."""
    return frozenset(text.split(", ")) if text else frozenset()


def _planted(name: str, arch: str, severity: int) -> tuple[str, ...]:
    fault = FAULTS[name]
    where = fault.place(arch, severity)
    if fault.plane == "wire":
        return ("",)
    if not where.replace(",", "").isdecimal():
        reader = READERS.get((arch, where)) if fault.how == "late-write" else None
        return (where, reader) if reader else (where,)
    channels = ", ".join(CHANNELS[int(c)] for c in where.split(","))
    return (channels, "") if where == ALL else (channels,)
