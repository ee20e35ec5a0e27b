"""What is asked of a device when it differs, to tell why: a few tensors, repeats, other orders.

Nothing here is asked of a device that agrees. The rules that judge it are in hil/verdict/rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np

from hil.record import LayerEvidence, RawPair, TensorPair
from hil.reference.columns import Reference
from hil.reference.pipeline_parts import recompute
from hil.wire.messages import DataForm
from hil.wire.schema import INPUT_LAYER

#: Windows whose tensors are kept: enough to tell a pattern from a coincidence.
WINDOWS: Final = 3
#: Windows of the model input that are kept: a regression per channel wants some movement.
RAW_WINDOWS: Final = 8
#: Layers with evidence, and the largest tensor that goes into a record.
LAYERS: Final = 3
MAX_BYTES: Final = 16_384
#: One window this often before another: a state that is carried over has settled by then.
SETTLING: Final = 4


class Client(Protocol):
    """What is used of hil.device.Device."""

    def read_layer(self, layer: int, data: bytes, form: DataForm) -> bytes:
        """Return a layer's output."""


class Suspect(Protocol):
    """A layer that differs; see hil.run.measure.Layer."""

    info: Any
    differing: list[int]
    alone: list[tuple[int, bytes]]
    alone_differs: bool | None


def layer_evidence(
    device: Client, reference: Reference, layers: Sequence[Suspect]
) -> list[LayerEvidence]:
    """Return the evidence about the layers that are wrong alone, else about the first wrong one."""
    wrong = [n for n, layer in enumerate(layers) if layer.differing]
    guilty = [n for n in wrong if layers[n].alone_differs][:LAYERS]
    return [
        _layer(device, reference, n, layers[n])
        for n in guilty or wrong[:1]
        if layers[n].info.output_size <= MAX_BYTES
    ]


def _layer(device: Client, reference: Reference, number: int, layer: Suspect) -> LayerEvidence:
    tensor = reference.graph.tensors[layer.info.tensor]
    stateful = _stateful(reference, layer.info.tensor)
    alone = bool(layer.alone_differs)
    windows = layer.differing[:WINDOWS]
    actual = (
        dict(layer.alone) if alone else {i: _read(device, reference, number, i) for i in windows}
    )
    first, again = ({i: _read(device, reference, number, i) for i in windows} for _ in range(2))
    expected = {i: reference.tensors(i, [layer.info.tensor])[0] for i in actual}
    return LayerEvidence(
        layer=number,
        alone=alone,
        dtype="int16" if expected[windows[0]].dtype == np.int16 else "int8",
        zero_point=int(tensor.zero_point) if tensor.quantization is not None else 0,
        stateful=stateful,
        repeats=again == first,
        remembers=_remembers(device, reference, number, windows[0]) if stateful else None,
        kept_state=_kept_state(device, reference, number, layer) if stateful else None,
        explained_by=_explained(reference, layer, actual) if alone else (),
        pairs=tuple(
            TensorPair(i, expected[i].tobytes().hex(), got.hex()) for i, got in actual.items()
        ),
    )


def _stateful(reference: Reference, tensor: int) -> bool:
    op = next(o for o in reference.graph.ops if tensor in o.outputs)
    return any(reference.graph.tensors[i].variable for i in op.inputs if i >= 0)


def _read(device: Client, reference: Reference, number: int, window: int) -> bytes:
    return device.read_layer(number, reference.inputs[window].tobytes(), DataForm.INT8)


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


def _explained(reference: Reference, layer: Suspect, actual: dict[int, bytes]) -> tuple[str, ...]:
    """Return the rules that give the device's bytes in every window."""
    op = next(o for o in reference.graph.ops if layer.info.tensor in o.outputs)
    indices = [t.index for t in reference.graph.activations(op)]
    windows = [reference.tensors(i, indices) for i in actual]
    inputs = {t: np.stack([w[k] for w in windows]) for k, t in enumerate(indices)}
    rules = recompute(reference.graph, layer.info.tensor, inputs)
    got = list(actual.values())
    return tuple(n for n, made in rules.items() if [m.tobytes() for m in made] == got)


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
