"""Everything that is asked of the device in a run, in an order that loses least when it fails.

`Measured` fills as the run goes: when the device or the link fails half-way, what is there is kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hil.device import LayerInfo
from hil.errors import LinkError, UnsteadyError
from hil.record import LayerEvidence, Link, RawPair
from hil.reference.columns import Reference
from hil.run.evidence import input_evidence, layer_evidence, spread
from hil.verdict.drift import largest_difference
from hil.wire.messages import DataForm, InferReply, MemoryReply
from hil.wire.schema import INPUT_LAYER

#: Bytes of input that are sent for layer CRCs: 23 s of a 115,200-baud line. Models with small
#: windows are tapped on all of them, larger ones on an even spread.
TAP_BYTES: Final = 256 * 1024

#: Windows whose differing tensors are read back, per layer: enough to see how far off they are.
READ_BACK: Final = 3

#: Hardware cycles are the median of this many inferences (as MLPerf Tiny does), as flash caches
#: and interrupts vary them; an emulator's counts are exact after one.
HARDWARE_REPEATS: Final = 5


class Client(Protocol):
    """What is used of hil.device.Device."""

    def infer(self, inputs: Iterable[bytes], form: DataForm) -> Iterable[InferReply]:
        """Run many inferences, pipelined, in order."""

    def tap(self, data: bytes, form: DataForm) -> tuple[int, Sequence[int]]:
        """Return the input's CRC-32 and every layer's."""

    def read_layer(self, layer: int, data: bytes, form: DataForm) -> bytes:
        """Return a layer's output."""

    def run_layer(self, layer: int, inputs: Iterable[bytes]) -> bytes:
        """Return what a layer computes alone."""

    def cycles(self, data: bytes, form: DataForm) -> tuple[int, Sequence[int]]:
        """Return an inference's cycles, and each layer's."""

    def layers(self) -> Sequence[LayerInfo]:
        """Return the layer table."""

    def memory(self) -> MemoryReply:
        """Return sizes and the stack's peak."""

    def link(self) -> Link:
        """Return what the device saw on the line."""


@dataclass
class Layer:
    """What was found out about one layer; `differing` are windows.

    crcs: window → CRC-32 that differed. unsteady: it gave two answers to one question. alone:
    (window, what the layer gives on the definition's inputs).
    """

    info: LayerInfo
    differing: list[int] = field(default_factory=list)
    crcs: dict[int, int] = field(default_factory=dict)
    unsteady: bool = False
    max_difference: int | None = None
    alone_differs: bool | None = None
    alone: list[tuple[int, bytes]] = field(default_factory=list)
    cycles: int | None = None
    cycles_estimate: int | None = None


class Measured:
    """What a run measured on the device; per window, None where it was not reached."""

    def __init__(self, windows: int) -> None:
        self.outputs: list[NDArray[np.int8] | None] = [None] * windows
        self.input_crcs: list[int | None] = [None] * windows
        self.raw_outputs: list[NDArray[np.int8] | None] = [None] * windows
        self.raw_input_crcs: list[int | None] = [None] * windows
        self.input_difference = 0
        self.raw_input_difference = 0
        self.tapped: list[int] = []
        self.layers: list[Layer] = []
        self.layer_evidence: list[LayerEvidence] = []
        self.raw_pairs: tuple[RawPair, ...] = ()
        self.cycles: int | None = None
        self.cycles_estimate: int | None = None
        self.memory: MemoryReply | None = None
        self.link: Link | None = None


@dataclass(frozen=True)
class Bench:
    """A device and the windows to measure it with. `count_estimate` switches an emulator's counter.

    raw: the windows as raw samples, None where the device has no preprocessing.
    """

    device: Client
    reference: Reference
    raw: Sequence[bytes] | None
    emulated: bool
    count_estimate: Callable[[bool], None] | None
    quiet: bool = False

    @property
    def int8(self) -> list[bytes]:
        """The windows as the model's int8 input."""
        return [window.tobytes() for window in self.reference.inputs]


def measure(bench: Bench, into: Measured) -> None:
    """Ask everything of the device. DeviceErrors pass through; `into` keeps what was measured."""
    into.layers = _layers(bench)  # first: what crashes later is then told by its layer
    _stream(bench, "device", bench.int8, DataForm.INT8, into.outputs, into.input_crcs)
    into.input_difference = _read_inputs(bench, bench.int8, DataForm.INT8, into.input_crcs)
    if bench.raw is not None:
        _stream(bench, "device-raw", bench.raw, DataForm.RAW, into.raw_outputs, into.raw_input_crcs)
        into.raw_input_difference = _read_inputs(
            bench, bench.raw, DataForm.RAW, into.raw_input_crcs
        )
        other = other_inputs(bench.reference, into.raw_input_crcs)
        if other:
            into.raw_pairs = input_evidence(bench.device, bench.reference, bench.raw, other)
    _tap(bench, into)
    for layer in into.layers:
        _examine(bench, into, layer)
    into.layer_evidence = layer_evidence(
        bench.device, bench.reference, into.layers, partial(_bar, bench)
    )
    _count_cycles(bench, into)
    into.memory = bench.device.memory()  # last, so that the stack's peak covers it all
    into.link = bench.device.link()


def _stream(  # noqa: PLR0913, PLR0917 - where from and where to
    bench: Bench,
    title: str,
    windows: Sequence[bytes],
    form: DataForm,
    outputs: list[NDArray[np.int8] | None],
    crcs: list[int | None],
) -> None:
    with _bar(bench, title, len(windows)) as bar:
        for i, reply in enumerate(bench.device.infer(windows, form)):
            outputs[i] = _tensor(reply.output, bench.reference.int8[i], "an output")
            crcs[i] = reply.input_crc
            bar.update()


def _bar(bench: Bench, title: str, total: int) -> tqdm[Any]:
    hidden = True if bench.quiet else None  # None: hidden where there is no terminal
    return tqdm(total=total, desc=title, unit="window", disable=hidden, leave=False)


def _read_inputs(
    bench: Bench, windows: Sequence[bytes], form: DataForm, crcs: Sequence[int | None]
) -> int:
    """Read some of the model inputs that differ from the host's; return how far off they are."""
    largest = 0
    for i in other_inputs(bench.reference, crcs)[:READ_BACK]:
        expected = bench.reference.inputs[i]
        got = _tensor(bench.device.read_layer(INPUT_LAYER, windows[i], form), expected, "an input")
        largest = max(largest, largest_difference(expected, got))
    return largest


def _tensor(data: bytes, like: NDArray[Any], what: str) -> NDArray[Any]:
    """Return a device's bytes as a tensor of the kind expected; a device is not trusted."""
    if len(data) != like.nbytes:
        raise LinkError(f"the device sent {what} of {len(data)} bytes instead of {like.nbytes}")
    return np.frombuffer(data, like.dtype)


def other_inputs(reference: Reference, crcs: Sequence[int | None]) -> list[int]:
    """Return the windows of which the device gave the model another input than the host."""
    return [
        i
        for i, crc in enumerate(crcs)
        if crc is not None and crc != zlib.crc32(reference.inputs[i].tobytes())
    ]


def tap_windows(windows: int, input_size: int) -> list[int]:
    """Return which windows are tapped: all, or an even spread when that would take too long."""
    count = max(1, min(windows, TAP_BYTES // input_size))
    return [i * windows // count for i in range(count)]


def _layers(bench: Bench) -> list[Layer]:
    """Return the layer table. A native runtime is never asked for a tensor the model has not."""
    written = {t for op in bench.reference.graph.ops for t in op.outputs}
    layers = [Layer(info) for info in bench.device.layers()]
    for layer in layers:
        if layer.info.tensor not in written:
            raise LinkError(
                f"the device lists a layer with tensor {layer.info.tensor}: no such one"
            )
    return layers


def _tap(bench: Bench, into: Measured) -> None:
    inputs = bench.int8
    chosen = tap_windows(len(inputs), len(inputs[0]))
    tensors = [layer.info.tensor for layer in into.layers]
    with _bar(bench, "layers", len(chosen)) as bar:
        for i in chosen:
            _, crcs = bench.device.tap(inputs[i], DataForm.INT8)
            into.tapped.append(i)
            expected = bench.reference.layer_crcs(i, tensors)
            for layer, want, got in zip(into.layers, expected, crcs, strict=True):
                if want != got:
                    layer.differing.append(i)
                    layer.crcs[i] = got
            bar.update()


def _examine(bench: Bench, into: Measured, layer: Layer) -> None:
    """Read a differing layer back, and run it alone on the definition's inputs."""
    number = into.layers.index(layer)
    for i in layer.differing[:READ_BACK]:
        (expected,) = bench.reference.tensors(i, [layer.info.tensor])
        got = bench.device.read_layer(number, bench.int8[i], DataForm.INT8)
        layer.unsteady |= zlib.crc32(got) != layer.crcs[i]
        difference = largest_difference(expected, _tensor(got, expected, "a layer"))
        layer.max_difference = max(layer.max_difference or 0, difference)
    # One after the other, nothing between: what is never written stays as it was.
    for i in spread(layer.differing, layer.info.output_size):
        try:
            alone = _alone(bench, number, layer, i)
        except UnsteadyError:
            layer.unsteady = layer.alone_differs = True
            continue
        if alone is None:
            continue
        (expected,) = bench.reference.tensors(i, [layer.info.tensor])
        layer.alone.append((i, _tensor(alone, expected, "a layer").tobytes()))
        layer.alone_differs = bool(layer.alone_differs) or alone != expected.tobytes()


def _alone(bench: Bench, number: int, layer: Layer, window: int) -> bytes | None:
    """Return what the layer computes on right inputs; None where they are not known."""
    graph = bench.reference.graph
    op = next((o for o in graph.ops if layer.info.tensor in o.outputs), None)
    if op is None:
        return None
    indices = [t.index for t in graph.activations(op)]
    inputs = [t.tobytes() for t in bench.reference.tensors(window, indices)]
    if sum(map(len, inputs)) != layer.info.input_size:
        return None  # the emitter fused this operator with another
    return bench.device.run_layer(number, inputs)


def _count_cycles(bench: Bench, into: Measured) -> None:
    into.cycles, each = _cycles(bench, 1 if bench.emulated else HARDWARE_REPEATS)
    for layer, cycles in zip(into.layers, each, strict=True):
        layer.cycles = cycles
    if bench.count_estimate is None:
        return
    bench.count_estimate(True)
    try:
        into.cycles_estimate, each = _cycles(bench, 1)
    finally:
        bench.count_estimate(False)
    for layer, cycles in zip(into.layers, each, strict=True):
        layer.cycles_estimate = cycles


def _cycles(bench: Bench, repeats: int) -> tuple[int, list[int]]:
    """Return the median of an inference, and of each layer, over the first windows.

    The inference is an ordinary one, sent alone so that no byte interrupts it: what `tinyhil live`
    shows of its windows as well. It varies a little with the data, by SOFTMAX's work. A layer's
    count has the stamp in it that is taken after each, some 15 instructions: together they are more
    than the inference.
    """
    windows = bench.int8[:repeats]
    wholes = [r.cycles for w in windows for r in bench.device.infer([w], DataForm.INT8)]
    layers = [bench.device.cycles(w, DataForm.INT8)[1] for w in windows]
    median = np.median(np.array(layers), axis=0)
    return int(np.median(wholes)), [int(m) for m in median]
