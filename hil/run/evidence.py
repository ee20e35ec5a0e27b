"""What is asked of a device when it differs, to tell why: a few tensors, repeats, other orders.

Nothing here is asked of a device that agrees. The rules that judge it are in hil/verdict/rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from hil.errors import UnsteadyError
from hil.record import Constants, Explanation, LayerEvidence, RawPair, TensorPair
from hil.reference.columns import Reference
from hil.reference.pipeline_parts import explain, probes, recover
from hil.wire.messages import DataForm
from hil.wire.schema import INPUT_LAYER

#: Bytes of a layer that tell a pattern from a coincidence, and the windows that are kept for it.
PATTERN_BYTES: Final = 256
LEAST_WINDOWS, MOST_WINDOWS = 3, 24
#: Windows of the model input that are kept: a regression per channel wants some movement.
RAW_WINDOWS: Final = 8
#: Layers with evidence, and the largest tensor that goes into a record.
LAYERS: Final = 3
MAX_BYTES: Final = 16_384
#: One window this often before another: a state that is carried over has settled by then.
SETTLING: Final = 4
#: One question asked this often in a row: what happens at every third or fifth call shows.
REPEATS: Final = 8


class Client(Protocol):
    """What is used of hil.device.Device."""

    def read_layer(self, layer: int, data: bytes, form: DataForm) -> bytes:
        """Return a layer's output."""

    def run_layer(self, layer: int, inputs: Iterable[bytes]) -> bytes:
        """Return what a layer computes alone."""


#: (title, total) → a progress bar.
Bar = Callable[[str, int], Any]


class Suspect(Protocol):
    """A layer that differs; see hil.run.measure.Layer."""

    info: Any
    differing: list[int]
    alone: list[tuple[int, bytes]]
    alone_differs: bool | None
    unsteady: bool


def spread(windows: Sequence[int], size: int) -> list[int]:
    """Return some of the windows, evenly spread, whose outputs of `size` bytes show a pattern."""
    count = min(max(LEAST_WINDOWS, -(-PATTERN_BYTES // max(size, 1))), MOST_WINDOWS, len(windows))
    return [windows[i * len(windows) // count] for i in range(count)]


def layer_evidence(
    device: Client, reference: Reference, layers: Sequence[Suspect], bar: Bar
) -> list[LayerEvidence]:
    """Return the evidence about the layers that are wrong alone, else about the first wrong one."""
    wrong = [n for n, layer in enumerate(layers) if layer.differing]
    guilty = [n for n in wrong if layers[n].alone_differs][:LAYERS]
    return [
        _layer(device, reference, n, layers[n], bar)
        for n in guilty or wrong[:1]
        if layers[n].info.output_size <= MAX_BYTES
    ]


def _layer(
    device: Client, reference: Reference, number: int, layer: Suspect, bar: Bar
) -> LayerEvidence:
    tensor = reference.graph.tensors[layer.info.tensor]
    stateful = _stateful(reference, layer.info.tensor)
    alone = bool(layer.alone_differs and layer.alone)
    windows = spread(layer.differing, layer.info.output_size)
    actual = (
        dict(layer.alone) if alone else {i: _read(device, reference, number, i) for i in windows}
    )
    repeats = not layer.unsteady and _steady(device, reference, number, windows[0])
    explained = _explained(reference, layer, actual) if alone and repeats else None
    asked = None
    if alone and repeats and explained is None:
        asked = _probed(device, reference, number, layer, bar)
    if asked is not None:
        # Random inputs reach where those of the windows do not: past the rails.
        explained = _explained(reference, layer, actual, asked)
    expected = {i: reference.tensors(i, [layer.info.tensor])[0] for i in actual}
    return LayerEvidence(
        layer=number,
        alone=alone,
        dtype="int16" if expected[windows[0]].dtype == np.int16 else "int8",
        zero_point=int(tensor.zero_point) if tensor.quantization is not None else 0,
        stateful=stateful,
        repeats=repeats,
        remembers=_remembers(device, reference, number, windows[0]) if stateful else None,
        kept_state=_kept_state(device, reference, number, layer) if stateful else None,
        explained=explained,
        constants=_constants(reference, layer, asked) if asked and not explained else None,
        pairs=tuple(
            TensorPair(i, expected[i].tobytes().hex(), got.hex()) for i, got in actual.items()
        ),
    )


def _stateful(reference: Reference, tensor: int) -> bool:
    op = next(o for o in reference.graph.ops if tensor in o.outputs)
    return any(reference.graph.tensors[i].variable for i in op.inputs if i >= 0)


def _read(device: Client, reference: Reference, number: int, window: int) -> bytes:
    return device.read_layer(number, reference.inputs[window].tobytes(), DataForm.INT8)


def _steady(device: Client, reference: Reference, number: int, window: int) -> bool:
    """Return whether one question has one answer."""
    return len({_read(device, reference, number, window) for _ in range(REPEATS)}) == 1


def _others(reference: Reference, window: int) -> tuple[int, int]:
    """Return two windows that are not this one (nor each other, where there are three)."""
    count = len(reference.inputs)
    return (window + 1) % count, (window + 2) % count


def _settled(device: Client, reference: Reference, number: int, before: int, window: int) -> bytes:
    for _ in range(SETTLING):
        _read(device, reference, number, before)
    return _read(device, reference, number, window)


def _remembers(device: Client, reference: Reference, number: int, window: int) -> bool:
    one, other = _others(reference, window)
    after_one = _settled(device, reference, number, one, window)
    return after_one != _settled(device, reference, number, other, window)


def _kept_state(device: Client, reference: Reference, number: int, layer: Suspect) -> bool | None:
    """Return whether the definition, its state kept over the same windows, gives these bytes."""
    window = layer.differing[0]
    before = _others(reference, window)[0]
    got = _settled(device, reference, number, before, window)
    kept = reference.kept([*[before] * SETTLING, window], layer.info.tensor)
    return None if kept is None else kept.tobytes() == got


def _explained(
    reference: Reference, layer: Suspect, actual: dict[int, bytes], asked: Probed | None = None
) -> Explanation | None:
    """Return the rule that gives the device's bytes in every window, and to what else was asked."""
    op = next(o for o in reference.graph.ops if layer.info.tensor in o.outputs)
    indices = [t.index for t in reference.graph.activations(op)]
    windows = [reference.tensors(i, indices) for i in actual]
    inputs = {t: np.stack([w[k] for w in windows]) for k, t in enumerate(indices)}
    dtype = np.dtype(reference.graph.tensors[layer.info.tensor].dtype)
    got = np.stack([np.frombuffer(data, dtype) for data in actual.values()])
    if asked is not None:
        (source,) = indices
        shape = (-1, *inputs[source].shape[1:])
        inputs = {source: np.concatenate([inputs[source], asked.inputs.reshape(shape)])}
        got = np.concatenate([got, asked.answers])
    found = explain(reference.graph, layer.info.tensor, inputs, got)
    return None if found is None else Explanation(*found)


@dataclass(frozen=True, eq=False)
class Probed:
    """Random inputs [N, *shape] of a layer and its answers [N, size], asked alone."""

    inputs: NDArray[np.int8]
    answers: NDArray[np.int8]


def _probed(
    device: Client, reference: Reference, number: int, layer: Suspect, bar: Bar
) -> Probed | None:
    """Ask the layer alone for its answers to random inputs; None where that tells nothing."""
    inputs = probes(reference.graph, layer.info.tensor)
    if inputs is None or inputs[0].nbytes != layer.info.input_size:
        return None
    answers = []
    with bar(f"layer {number}'s constants", len(inputs)) as progress:
        for probe in inputs:
            try:
                answers.append(np.frombuffer(device.run_layer(number, [probe.tobytes()]), np.int8))
            except UnsteadyError:
                return None
            progress.update()
    return Probed(inputs, np.stack(answers))


def _constants(reference: Reference, layer: Suspect, asked: Probed) -> Constants | None:
    """Tell the layer's constants from its answers to random inputs."""
    found = recover(reference.graph, layer.info.tensor, asked.inputs, asked.answers)
    return None if found is None else Constants(**vars(found))


def input_evidence(
    device: Client, reference: Reference, raw: Sequence[bytes], differing: Sequence[int]
) -> tuple[RawPair, ...]:
    """Return raw windows and what definition and device make of them; spread over `differing`."""
    count = min(RAW_WINDOWS, len(differing))
    chosen = [differing[i * len(differing) // count] for i in range(count)]
    return tuple(
        RawPair(
            i,
            raw[i].hex(),
            reference.inputs[i].tobytes().hex(),
            device.read_layer(INPUT_LAYER, raw[i], DataForm.RAW).hex(),
        )
        for i in chosen
    )
