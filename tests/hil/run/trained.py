"""Models trained for one test, on a split of its own choice: float and int8, nothing pruned."""

from __future__ import annotations

from pathlib import Path

from hil.vectors import Vectors
from pipeline.data.split import Split
from pipeline.model_folder import Draft, write_folder


def write_trained(out: Path, name: str, split: Split, test: Vectors, epochs: int) -> None:
    """Train a CNN on `split` and write a model folder whose windows are `test`."""
    from pipeline.train import build, convert, fit
    from pipeline.train.runtime import seed_everything

    seed_everything(1)
    preprocessing = build.fit_preprocessing(split.train)
    trained = fit.train(build.task_of("cnn", split, preprocessing, 1, epochs))
    some = preprocessing.normalise(split.train.raw[: build.REPRESENTATIVE])
    models = {
        "float.tflite": convert.to_float(trained), "int8.tflite": convert.to_int8(trained, some)
    }  # fmt: skip
    manifest = test.manifest
    write_folder(
        out,
        Draft(
            name=name, arch="cnn", classes=manifest.classes, channels=manifest.channels,
            models=models, float_file="float.tflite", stages={"float": "float.tflite"},
            variants={}, preprocessing=build.constants(preprocessing), vectors=test,
            training=split.train.take(slice(build.KEPT_TRAINING)), compression=(),
            keras_accuracy={}, command="", seed=1, versions={},
            validation=split.validation.take(slice(build.KEPT_VALIDATION)),
        ),
    )  # fmt: skip
