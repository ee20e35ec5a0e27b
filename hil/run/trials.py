"""Quantization, layer by layer and by experiment: pipeline/experiments.py on a run's windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from hil.model_folder import ModelFolder
from hil.record import GateTrials, LayerTrials, QuantizationTrials, Remedy, Trial
from hil.reference.columns import Reference
from hil.reference.inputs import Inputs
from hil.reference.pipeline_parts import experiments, preprocessing, read_float_model
from hil.vectors import load_vectors


def quantization_trials(
    folder: ModelFolder, inputs: Inputs, reference: Reference
) -> QuantizationTrials | None:
    """Return the experiments; None without a float model, its layers or operators that are known.

    The pairs have been checked by run_reference.
    """
    manifest = folder.manifest
    pairs = [p for p in manifest.layers if p.float_tensor is not None]
    if manifest.float_file is None or not pairs:
        return None
    floats = read_float_model(folder.path / manifest.float_file)
    made = experiments(
        reference.graph,
        floats,
        [(p.int8_tensor, p.float_tensor) for p in pairs if p.float_tensor is not None],
        inputs.for_float(floats),
        _calibration(folder, inputs),
        inputs.vectors.label,
    )
    if made is None:
        return None
    return QuantizationTrials(
        labelled=int((inputs.vectors.label >= 0).sum()),
        nothing=_trial(made.nothing),
        everything=_trial(made.everything),
        layers=tuple(
            _layer(p.name, p.op, made.layers[p.int8_tensor])
            for p in pairs
            if p.int8_tensor in made.layers
        ),
    )


def _calibration(folder: ModelFolder, inputs: Inputs) -> Any:
    """Return all training windows that the folder has, as the float model takes them."""
    path = folder.path / "training.npz"
    if path.name not in folder.manifest.files:
        return None
    made = preprocessing(inputs.constants.mean, inputs.constants.std)
    raw = load_vectors(path).raw
    fits = raw.shape[1:] == inputs.vectors.raw.shape[1:]
    return made.normalise(raw).astype(np.float32) if fits else None


def _layer(name: str, op: str, made: Any) -> LayerTrials:
    return LayerTrials(
        name=name,
        op=op,
        only_weights=_trial(made.only_weights) if made.only_weights is not None else None,
        only_output=_trial(made.only_output),
        only=_trial(made.only),
        all_but=_trial(made.all_but),
        saturation=made.saturation,
        used_range=made.used_range,
        outlier_ratio=made.outlier_ratio,
        remedies=tuple(Remedy(n, _trial(t)) for n, t in made.remedies.items()),
        calibration=made.calibration,
        outlier=made.outlier,
        rounding=made.rounding,
        all_but_weights=_trial(made.all_but_weights) if made.all_but_weights is not None else None,
        all_but_output=_trial(made.all_but_output),
        gates=tuple(
            GateTrials(name, _trial(only), _trial(rest))
            for name, (only, rest) in made.gates.items()
        ),
        largest_weight=made.largest_weight,
    )


def _trial(outcome: Any) -> Trial:
    return Trial(outcome.right, outcome.logit_error)
