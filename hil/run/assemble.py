"""Puts what was measured and what the host models answered into one run record. Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.model_folder import ModelFolder
from hil.record import (
    FORMAT,
    VERSION,
    ArenaBlock,
    ArenaPlan,
    ByteComparison,
    Column,
    CompressionRow,
    DataShift,
    Fit,
    Identity,
    InputEvidence,
    LayerDevice,
    Memory,
    Origin,
    QuantizationTrials,
    Run,
)
from hil.reference.columns import Reference, scored
from hil.reference.inputs import Inputs
from hil.reference.pipeline_parts import arena
from hil.reference.validation import known
from hil.run.measure import Layer, Measured, other_inputs
from hil.run.signals import signals
from hil.verdict.drift import compare_bytes

#: Packages whose version can change a result.
PACKAGES: Final = ("tinyhil", "numpy", "scipy", "ai-edge-litert", "tflite-micro", "unicorn")


@dataclass(frozen=True)
class Outcome:
    """How the session with the device ended, and what counting its cycles means.

    counter: "instructions" (an emulator's exact count), "cycles" (a board's DWT) or None (the host
    port, whose counter means nothing). raw: the device was asked to do the preprocessing as well.
    """

    incomplete: str | None
    fault: str | None
    counter: str | None
    raw: bool
    notes: tuple[str, ...]


def assemble(  # noqa: PLR0913, PLR0917 - the parts of a run
    identity: Identity,
    folder: ModelFolder,
    inputs: Inputs,
    reference: Reference,
    shift: DataShift | None,
    trials: QuantizationTrials | None,
    fit: Fit | None,
    measured: Measured,
    outcome: Outcome,
    memory: Memory | None,
    max_drop: float,
) -> Run:
    """Return the run record."""
    exact, timed = outcome.counter == "instructions", outcome.counter == "cycles"
    columns = _columns(identity, reference, measured, outcome.raw)
    return Run(
        format=FORMAT,
        version=VERSION,
        incomplete=outcome.incomplete,
        identity=identity,
        windows=known(inputs.vectors),
        max_drop=max_drop,
        columns=columns,
        quantization=tuple(reference.quantization),
        device_layers=_layers(folder, measured, outcome.counter),
        layer_evidence=tuple(measured.layer_evidence),
        input_evidence=_input_evidence(inputs, reference, measured),
        data_shift=shift,
        trials=trials,
        input_saturated=float(np.isin(reference.inputs, (-128, 127)).mean()),
        comparisons=_comparisons(reference, measured, outcome.raw),
        compression=tuple(CompressionRow(**vars(row)) for row in folder.manifest.compression),
        memory=memory,
        link=measured.link,
        instructions_per_inference=measured.cycles if exact else None,
        cycles_per_inference=measured.cycles if timed else None,
        cycles_estimate_per_inference=measured.cycles_estimate if exact else None,
        fault=outcome.fault,
        notes=outcome.notes,
        origin=_origin(folder),
        signals=signals(inputs.vectors, columns),
        arena=_arena(folder),
        validation=reference.validation,
        held_out=reference.held_out,
        fit=fit,
    )


def _arena(folder: ModelFolder) -> ArenaPlan | None:
    """Return the plan of the C that is emitted for a model; None for one that is not emitted."""
    try:
        made = arena(folder.int8)
    except InputError:
        return None
    blocks = tuple(ArenaBlock(**vars(block)) for block in made.blocks)
    return ArenaPlan(made.size, made.layers, made.kernels, blocks)


def _origin(folder: ModelFolder) -> Origin:
    made = folder.manifest
    return Origin(made.command, made.seed, made.versions, made.files)


def versions() -> dict[str, str]:
    """Return the versions of what can change a result, Python's first."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _columns(
    identity: Identity, reference: Reference, measured: Measured, raw: bool
) -> tuple[Column, ...]:
    """The chain first, in its order, then the side branches."""
    columns = list(reference.columns)
    device: list[tuple[str, str, Sequence[NDArray[np.int8] | None]]]
    device = [("device", "int8", measured.outputs)]
    if raw:
        device.append(("device-raw", "device", measured.raw_outputs))
    for name, after, outputs in device:
        columns.append(
            scored(
                name, identity.backend_description, "device", after, False, reference.graph, outputs
            )
        )
    return tuple(sorted(columns, key=lambda c: c.side_branch))


def _comparisons(reference: Reference, measured: Measured, raw: bool) -> tuple[ByteComparison, ...]:
    made = [
        compare_bytes("int8", "device", "output", reference.int8, measured.outputs),
        _compare_inputs("device", reference, measured.input_crcs, measured.input_difference),
    ]
    if raw:
        # With the device's own outputs: what a wrong kernel does is not preprocessing's fault.
        made += [
            compare_bytes("device", "device-raw", "output", measured.outputs, measured.raw_outputs),
            _compare_inputs(
                "device-raw", reference, measured.raw_input_crcs, measured.raw_input_difference
            ),
        ]
    return (*made, *reference.comparisons)


def _input_evidence(
    inputs: Inputs, reference: Reference, measured: Measured
) -> InputEvidence | None:
    if not measured.raw_pairs:
        return None
    source, manifest = reference.graph.tensors[reference.graph.inputs[0]], inputs.vectors.manifest
    return InputEvidence(
        channels=manifest.channels,
        units=manifest.units,
        unit_per_count=manifest.unit_per_count,
        mean=inputs.constants.mean,
        std=inputs.constants.std,
        scale=float(source.scale),
        zero_point=int(source.zero_point),
        pairs=measured.raw_pairs,
    )


def _compare_inputs(
    actual: str, reference: Reference, crcs: Sequence[int | None], difference: int
) -> ByteComparison:
    compared = sum(crc is not None for crc in crcs)
    differing = tuple(other_inputs(reference, crcs))
    return ByteComparison("int8", actual, "input", compared, differing, difference)


def _layers(
    folder: ModelFolder, measured: Measured, counter: str | None
) -> tuple[LayerDevice, ...]:
    """Layers under the names that the model folder gives them, else under the device's own."""
    names = {pair.int8_tensor: pair.name for pair in folder.manifest.layers}
    made = [_layer(i, layer, len(measured.tapped)) for i, layer in enumerate(measured.layers)]
    return tuple(
        replace(
            item,
            name=names.get(layer.info.tensor, item.name),
            instructions=layer.cycles if counter == "instructions" else None,
            cycles=layer.cycles if counter == "cycles" else None,
            cycles_estimate=layer.cycles_estimate if counter == "instructions" else None,
        )
        for item, layer in zip(made, measured.layers, strict=True)
    )


def _layer(index: int, layer: Layer, compared: int) -> LayerDevice:
    return LayerDevice(
        index=index,
        name=layer.info.name,
        op=layer.info.op,
        shape=tuple(layer.info.shape),
        size=layer.info.output_size,
        compared=compared,
        differing=len(layer.differing),
        first_difference=layer.differing[0] if layer.differing else None,
        max_difference_lsb=layer.max_difference,
        alone_differs=layer.alone_differs,
        instructions=None,
        cycles=None,
        cycles_estimate=None,
    )
