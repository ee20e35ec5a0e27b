"""The board's predictions of what its sensor measures, beside the host's of the same windows.

The host fetches the samples, puts the newest half second at 100 Hz (resample.py) and gives that
window, raw counts, to the board, whose own preprocessing and model answer, and to the int8 host
model. Both see the same bytes, so their answers must be equal to the byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.errors import InputError, clean
from hil.model_folder import ModelFolder
from hil.reference.columns import probabilities
from hil.reference.pipeline_parts import preprocessing, read_int8_model
from hil.reference.runtimes import definition
from hil.sensor.resample import fit_times, interpolate
from hil.sensor.stream import CHANNELS, RAIL, Batch
from hil.wire.messages import DataForm

#: The models' rate; their window's length is the model's own.
RATE_HZ: Final = 100
#: The sensor's rate is fitted to this much of what came last.
FIT_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Prediction:
    """One window's. second: of the stream. output, expected: int8, of the board and the host.

    label, host_label and confidence: the highest score of each. cycles: what the board's counter
    counted; in emulation these are instructions.
    """

    second: float
    label: str
    confidence: float
    host_label: str
    host_confidence: float
    cycles: int
    output: bytes
    expected: bytes
    window: NDArray[np.int16]

    @property
    def agrees(self) -> bool:
        """Whether board and host gave the same bytes."""
        return self.output == self.expected


class Predictor:
    """Both models of a folder. Raises InputError for one that does not take six channels raw."""

    def __init__(self, device: Device, folder: ModelFolder) -> None:
        manifest = folder.manifest
        if manifest.preprocessing is None or manifest.channels not in ((), CHANNELS):
            raise InputError(
                f"{clean(str(folder.path), 300)}: not a model of {', '.join(CHANNELS)} in counts"
            )
        self._device = device
        self._graph = read_int8_model(folder.int8)
        self._host = definition(folder.int8, self._graph)
        self._prepare = preprocessing(manifest.preprocessing.mean, manifest.preprocessing.std)
        tensor = self._graph.tensors[self._graph.inputs[0]]
        self._shape = tensor.shape
        self._scale, self._zero_point = float(tensor.scale), tensor.zero_point
        self.length = tensor.elements // len(CHANNELS)
        self._classes = manifest.classes

    def predict(self, window: NDArray[np.int16], second: float) -> Prediction:
        """Ask board and host. window: [length, 6]."""
        (reply,) = self._device.infer([window.astype("<i2").tobytes()], DataForm.RAW)
        codes = self._prepare.quantize(window, self._scale, self._zero_point)
        expected = self._host.run(codes.reshape(self._shape)).astype(np.int8)
        label, confidence = self._best(np.frombuffer(reply.output, np.int8))
        host_label, host_confidence = self._best(expected)
        return Prediction(
            second, label, confidence, host_label, host_confidence,
            reply.cycles, reply.output, expected.tobytes(), window,
        )  # fmt: skip

    def _best(self, output: NDArray[np.int8]) -> tuple[str, float]:
        scores = probabilities(self._graph, output)
        best = int(np.argmax(scores))
        named = best < len(self._classes)
        return self._classes[best] if named else f"class {best}", scores[best]


class Windows:
    """Cuts a stream into overlapping windows at 100 Hz, a new one every `hop` seconds."""

    def __init__(self, length: int, hop: float, nominal_hz: float) -> None:
        self._length = length
        self._hop = hop
        self._nominal_hz = nominal_hz
        room = int(FIT_SECONDS * nominal_hz)
        self._taken: deque[int] = deque(maxlen=room)
        self._values: deque[NDArray[np.int16]] = deque(maxlen=room)
        self._next = 0.0

    def add(self, batch: Batch) -> Iterator[tuple[float, NDArray[np.int16]]]:
        """Take samples in; yield (second, window) where one is due, int16 [length, 6].

        A gap begins anew: no window has one in it.
        """
        if batch.broken:
            self._taken.clear()
            self._values.clear()
        self._taken.extend(batch.times.tolist())
        self._values.extend(batch.values)
        if not self._taken or self._taken[-1] / 1e6 < self._next:
            return
        window = self._newest()
        if window is not None:
            second = self._taken[-1] / 1e6
            self._next = second + self._hop
            yield second, window

    def _newest(self) -> NDArray[np.int16] | None:
        times, _rate = fit_times(np.asarray(self._taken, np.int64), self._nominal_hz)
        # The grid's last point is the newest sample.
        first = times[-1] - (self._length - 1) / RATE_HZ
        if times[0] > first:
            return None
        grid = first + np.arange(self._length) / RATE_HZ
        moved = np.rint(interpolate(grid, times, np.stack(self._values)))
        return np.clip(moved, -RAIL - 1, RAIL).astype(np.int16)
