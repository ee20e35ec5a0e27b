"""Run records made by hand for the tests of drift, diagnosis and plugin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hil.record import (
    FORMAT,
    VERSION,
    ByteComparison,
    Column,
    Identity,
    LayerDevice,
    LayerQuantization,
    Link,
    Memory,
    Run,
    Windows,
)

CLASSES = ("PEN", "FEL", "ROW")

IDENTITY = Identity(
    board="nano33",
    board_title="Arduino Nano 33 BLE Sense",
    backend="embedded",
    backend_description="embedded emulator",
    via="uart",
    emulated=True,
    model_name="cnn",
    model_arch="cnn",
    model_hash="ab" * 32,
    firmware_version="0.1.0",
    firmware_hash="cd" * 8,
    elf_sha256="ef" * 32,
    protocol=1,
    arithmetic="TFLM_REFERENCE",
    clock_hz=64_000_000,
    device_id="0000000000000000",
    vectors_source="made by hand",
    vectors_sha256="01" * 32,
    vectors_bandwidth_hz=25.0,
    raw_unit="g",
    command="tinyhil run",
    versions={"tinyhil": "0.1.0"},
)

MEMORY = Memory(
    flash_used=40_000, flash_size=983_040, ram_static=10_000, ram_size=262_144, arena=2_000,
    stack_size=8_192, stack_peak=900,
)  # fmt: skip
LINK = Link(
    frames=700, retransmissions=0, bad_frames_device=0, bad_frames_host=0, overruns=0,
    line_errors=0,
)  # fmt: skip


def labels(n: int) -> tuple[int, ...]:
    return tuple(i % 3 for i in range(n))


def answers(n: int, wrong: Sequence[int] = ()) -> tuple[int, ...]:
    """Right in every window but those in `wrong`, which get the next class."""
    return tuple((i + (i in set(wrong))) % 3 for i in range(n))


def col(
    name: str, kind: Any, after: str | None, predicted: Sequence[int], side: bool = False
) -> Column:
    scores = tuple(
        tuple(0.8 if k == p else 0.1 for k in range(3)) if p >= 0 else () for p in predicted
    )
    return Column(name, f"runtime of {name}", kind, side, after, tuple(predicted), scores)


def layer(index: int, **changes: Any) -> LayerDevice:
    base = LayerDevice(
        index=index, name=f"layer{index}", op="CONV_2D", shape=(1, 50, 16), size=800,
        compared=300, differing=0, first_difference=None, max_difference_lsb=None,
        alone_differs=None, instructions=1000, cycles=None, cycles_estimate=1300,
    )  # fmt: skip
    return replace(base, **changes)


def quantized(name: str, sqnr: float | None = 30.0, **changes: Any) -> LayerQuantization:
    base = LayerQuantization(
        name=name, op="CONV_2D", scale=0.05, zero_point=-3, sqnr_db=sqnr, cosine=0.999, l2r=0.03,
        nse=0.99, rmse_over_scale=0.3, max_error_lsb=1.5, saturated_share=0.0, used_range=0.9,
    )  # fmt: skip
    return replace(base, **changes)


def same(actual: str, what: str = "output", n: int = 300, *, differing: Sequence[int] = (),
         lsb: int = 0, expected: str = "int8") -> ByteComparison:  # fmt: skip
    return ByteComparison(expected, actual, what, n, tuple(differing), lsb)


def good_run(n: int = 300, **changes: Any) -> Run:
    """A run in which nothing is wrong: 9 in 10 windows right, everything agrees."""
    right = answers(n, wrong=range(0, n, 10))
    run = Run(
        format=FORMAT,
        version=VERSION,
        incomplete=None,
        identity=IDENTITY,
        windows=Windows(
            CLASSES, labels(n), ("S1", "S2") * (n // 2) + ("S1",) * (n % 2),
            tuple(i // 20 for i in range(n)),
        ),
        max_drop=2.0,
        columns=(
            col("float", "float", None, right),
            col("pruned", "float", "float", right),
            col("int8", "int8", "pruned", right),
            col("device", "device", "int8", right),
            col("device-raw", "device", "device", right),
        ),
        quantization=(quantized("layer0"), quantized("layer1", 28.0), quantized("layer2", 27.0)),
        device_layers=(layer(0), layer(1), layer(2)),
        layer_evidence=(),
        input_evidence=None,
        data_shift=None,
        trials=None,
        input_saturated=0.0,
        comparisons=(
            same("device", n=n), same("device", "input", n), same("device-raw", n=n),
            same("device-raw", "input", n),
        ),
        compression=(),
        memory=MEMORY,
        link=LINK,
        instructions_per_inference=3000,
        cycles_per_inference=None,
        cycles_estimate_per_inference=3900,
        fault=None,
        notes=(),
    )  # fmt: skip
    return replace(run, **changes)


def with_answers(run: Run, **predicted: Sequence[int]) -> Run:
    """Return the run with other answers; `device_raw=` stands for the column device-raw."""
    by_name = {name.replace("_", "-"): value for name, value in predicted.items()}
    columns = tuple(
        col(c.name, c.kind, c.after, by_name.get(c.name, c.predicted), c.side_branch)
        for c in run.columns
    )
    return replace(run, columns=columns)
