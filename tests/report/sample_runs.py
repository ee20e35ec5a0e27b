"""Run records that look like real ones, from a seed: three classes, nine layers."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from hil.record import (
    BINS,
    FORMAT,
    VERSION,
    ArenaBlock,
    ArenaPlan,
    ByteComparison,
    ChannelShift,
    Column,
    CompressionRow,
    Correction,
    DataShift,
    Effect,
    Explanation,
    GateTrials,
    Histogram,
    Identity,
    InputEvidence,
    LayerDevice,
    LayerEvidence,
    LayerQuantization,
    LayerTrials,
    Link,
    Memory,
    Origin,
    QuantizationTrials,
    RawPair,
    Remedy,
    Run,
    Signal,
    Signals,
    TensorPair,
    Trial,
    Validation,
    Windows,
)
from hil.verdict.findings import Finding

CLASSES = ("pendulum", "forward elevation", "upright row")

#: name, operator, output shape, instructions
LAYERS = (
    ("conv1", "CONV_2D", (1, 44, 1, 16), 148_210),
    ("pool1", "MAX_POOL_2D", (1, 22, 1, 16), 9_130),
    ("conv2", "CONV_2D", (1, 18, 1, 32), 221_480),
    ("pool2", "MAX_POOL_2D", (1, 9, 1, 32), 7_402),
    ("conv3", "CONV_2D", (1, 7, 1, 64), 205_377),
    ("mean", "MEAN", (1, 64), 6_021),
    ("dense", "FULLY_CONNECTED", (1, 64), 21_844),
    ("logits", "FULLY_CONNECTED", (1, 3), 1_377),
    ("softmax", "SOFTMAX", (1, 3), 1_090),
)

#: name, runtime, kind, side branch, compared with, share of windows changed against it
COLUMNS = (
    ("float", "LiteRT 2.3.0, float", "float", False, None, 0.0),
    ("pruned", "LiteRT 2.3.0, float", "float", False, "float", 0.02),
    ("int8", "tflite-micro, reference kernels", "int8", False, "pruned", 0.03),
    ("device", "nano33, emitted C", "device", False, "int8", 0.0),
    ("device-raw", "nano33, emitted C, raw samples", "device", False, "device", 0.0),
    ("int8-litert-ref", "LiteRT 2.3.0, BUILTIN_REF", "int8", True, "int8", 0.004),
    ("int8-litert", "LiteRT 2.3.0, no delegates", "int8", True, "int8", 0.004),
    ("int8-xnnpack", "LiteRT 2.3.0, XNNPACK", "int8", True, "int8", 0.012),
    ("qat", "tflite-micro, reference kernels", "int8", True, "int8", 0.02),
)


def sample_run(
    seed: int = 1, windows: int = 300, board: str = "nano33", arch: str = "cnn", lost: float = 0.0
) -> Run:
    """Return a run of an emulated board; `lost`: share of windows that int8 gives to class 0."""
    rng = random.Random(seed)
    known = sample_windows(rng, windows)
    layers = sample_layers(windows)
    return Run(
        format=FORMAT,
        version=VERSION,
        incomplete=None,
        identity=sample_identity(board, arch),
        windows=known,
        max_drop=2.0,
        columns=sample_columns(rng, known, lost),
        quantization=sample_quantization(rng),
        device_layers=layers,
        layer_evidence=(),
        input_evidence=None,
        data_shift=None,
        trials=None,
        input_saturated=0.0,
        comparisons=sample_comparisons(windows),
        compression=(
            CompressionRow("baseline (Keras)", 212_480, 178_022, 0.947, 0.0),
            CompressionRow("pruned (Keras)", 212_480, 74_310, 0.943, 0.7),
            CompressionRow("pruned float .tflite", 61_204, 24_871, 0.943, 0.7),
            CompressionRow("pruned int8 .tflite", 21_912, 9_420, 0.94, 0.7),
        ),
        memory=Memory(40_312, 983_040, 11_204, 262_144, 2_144, 4_096, 1_288),
        link=Link(1_924, 0, 0, 0, 0, 0),
        instructions_per_inference=sum(d.instructions or 0 for d in layers),
        cycles_per_inference=None,
        cycles_estimate_per_inference=sum(d.cycles_estimate or 0 for d in layers),
        fault=None,
        notes=("The recordings were made at 50 Hz and resampled: nothing above 25 Hz is real.",),
    )


def sample_identity(board: str, arch: str) -> Identity:
    title = "Arduino Nano 33 BLE Sense" if board == "nano33" else "ST SensorTile (STEVAL-STLKT01V1)"
    return Identity(
        board=board,
        board_title=title,
        backend="embedded",
        backend_description="embedded emulator (unicorn 2.1.4)",
        via="uart" if board == "nano33" else "usb",
        emulated=True,
        model_name=f"watch-{arch}",
        model_arch=arch,
        model_hash="9f2c" * 16,
        firmware_version="0.1.0",
        firmware_hash="a1b2c3d4e5f60718",
        elf_sha256="5e1d" * 16,
        protocol=1,
        arithmetic="tflm-reference-int8",
        clock_hz=64_000_000 if board == "nano33" else 80_000_000,
        device_id="emulated-0001",
        vectors_source="watch: seglearn 1.2.5, watch_dataset.npy",
        vectors_sha256="c0de" * 16,
        vectors_bandwidth_hz=25.0,
        raw_unit="accelerometer 0.000244 g, gyroscope 0.001221730 rad/s",
        command=f"tinyhil run --board {board} --model build/models/{arch} --record run.json",
        versions={"python": "3.11.2", "numpy": "2.4.0", "tflite-micro": "0.dev20261023182759"},
    )


def sample_windows(rng: random.Random, count: int) -> Windows:
    return Windows(
        classes=CLASSES,
        label=tuple(rng.choices(range(3), (4, 3, 3))[0] for _ in range(count)),
        subject=tuple(f"S{i * 3 // count + 1}" for i in range(count)),
        recording=tuple(i * 18 // count for i in range(count)),
    )


def sample_columns(rng: random.Random, windows: Windows, lost: float) -> tuple[Column, ...]:
    made: dict[str | None, list[int]] = {
        None: [
            v if rng.random() < 0.955 else (v + rng.choice((1, 1, 2))) % 3 for v in windows.label
        ]
    }
    columns = []
    for name, runtime, kind, side, after, changed in COLUMNS:
        extra = lost if name == "int8" else 0.0
        predicted = [_altered(rng, v, changed, extra) for v in made[after]]
        made[name] = predicted
        scores = tuple(_scores(rng, v) for v in predicted)
        columns.append(Column(name, runtime, kind, side, after, tuple(predicted), scores))  # type: ignore[arg-type]
    return tuple(columns)


def _altered(rng: random.Random, value: int, changed: float, lost: float) -> int:
    if rng.random() < lost:
        return 0
    return rng.randrange(3) if rng.random() < changed else value


def _scores(rng: random.Random, best: int) -> tuple[float, ...]:
    top = round(rng.uniform(0.5, 1.0), 3)
    rest = round((1 - top) / 2, 6)
    return tuple(top if k == best else rest for k in range(3))


def sample_quantization(rng: random.Random) -> tuple[LayerQuantization, ...]:
    return tuple(
        LayerQuantization(
            name=name,
            op=op,
            scale=round(0.02 + 0.01 * rng.random(), 6),
            zero_point=rng.choice((-128, -5, 12)),
            sqnr_db=round(34 - 1.6 * i + rng.uniform(-2, 2), 3),
            cosine=round(0.9998 - 0.0004 * i, 6),
            l2r=round(0.018 + 0.004 * i, 6),
            nse=round(0.9995 - 0.001 * i, 6),
            rmse_over_scale=round(0.289 + 0.05 * i + rng.uniform(0, 0.05), 4),
            max_error_lsb=round(0.6 + 0.7 * i, 3),
            saturated_share=round(0.0002 * i, 6),
            used_range=round(rng.uniform(0.7, 1.0), 4),
        )
        for i, (name, op, _, _) in enumerate(LAYERS)
    )


def sample_layers(windows: int) -> tuple[LayerDevice, ...]:
    return tuple(
        LayerDevice(
            index=i,
            name=name,
            op=op,
            shape=shape,
            size=_product(shape),
            compared=windows,
            differing=0,
            first_difference=None,
            max_difference_lsb=None,
            alone_differs=None,
            instructions=instructions,
            cycles=None,
            cycles_estimate=instructions * 13 // 10,
        )
        for i, (name, op, shape, instructions) in enumerate(LAYERS)
    )


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


def sample_comparisons(windows: int) -> tuple[ByteComparison, ...]:
    return (
        ByteComparison("int8", "device", "output", windows, (), 0),
        ByteComparison("int8", "device-raw", "input", windows, (), 0),
        ByteComparison("int8", "int8-litert-ref", "output", windows, (3, 7, 10), 9),
        ByteComparison("int8", "int8-xnnpack", "output", windows, tuple(range(0, windows, 5)), 9),
    )


def hardware_run(seed: int = 1, windows: int = 300) -> Run:
    """Return the same as measured on a board: cycles by DWT, no instructions."""
    run = sample_run(seed, windows)
    layers = tuple(
        replace(d, cycles=d.cycles_estimate, instructions=None, cycles_estimate=None)
        for d in run.device_layers
    )
    return replace(
        run,
        identity=replace(
            run.identity,
            backend="hardware",
            backend_description="board on /dev/ttyACM0",
            emulated=False,
        ),
        device_layers=layers,
        instructions_per_inference=None,
        cycles_per_inference=sum(d.cycles or 0 for d in layers),
        cycles_estimate_per_inference=None,
        link=Link(1_937, 9, 4, 2, 0, 1),
    )


def incomplete_run(measured: int = 120, seed: int = 1, windows: int = 300) -> Run:
    """Return a run whose port vanished after `measured` windows."""
    run = sample_run(seed, windows)
    return replace(
        run,
        incomplete=f"the port vanished after {measured} of {windows} windows",
        columns=tuple(_cut(c, measured) if c.kind == "device" else c for c in run.columns),
        device_layers=tuple(replace(d, compared=measured) for d in run.device_layers),
        comparisons=tuple(
            replace(c, compared=measured) if c.actual == "device" else c for c in run.comparisons
        ),
    )


def _cut(column: Column, measured: int) -> Column:
    missing = len(column.predicted) - measured
    return replace(
        column,
        predicted=column.predicted[:measured] + (-1,) * missing,
        scores=column.scores[:measured] + ((),) * missing,
    )


def differing_run(seed: int = 3, windows: int = 300) -> Run:
    """Return a run whose int8 model loses accuracy and whose third layer is wrong on the device."""
    run = sample_run(seed, windows, arch="lstm", lost=0.12)
    wrong = tuple(range(4, windows, 7))
    layers = tuple(
        replace(
            d,
            differing=len(wrong),
            first_difference=4,
            max_difference_lsb=27,
            alone_differs=d.index == 2,
        )
        if d.index >= 2
        else d
        for d in run.device_layers
    )
    output = ByteComparison("int8", "device", "output", windows, wrong, 27)
    return replace(run, device_layers=layers, comparisons=(output, *run.comparisons[1:]))


CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
UNITS = ("g",) * 3 + ("rad/s",) * 3


def full_run(seed: int = 5, windows: int = 300) -> Run:
    """Return a run of which every part of a record is there: every section is rendered."""
    run = differing_run(seed, windows)
    rng = random.Random(seed)
    return replace(
        run,
        quantization=tuple(
            replace(q, histogram=sample_histogram(rng, rail=i == 2))
            for i, q in enumerate(run.quantization)
        ),
        layer_evidence=(sample_evidence(run),),
        input_evidence=sample_inputs(),
        data_shift=sample_shift(run),
        trials=sample_trials(),
        origin=Origin(
            "tinyhil train --data watch --arch lstm --seed 1", 1, {"tensorflow": "2.21.0"},
            {"int8.tflite": "9f2c" * 16, "float.tflite": "ab12" * 16},
        ),
        signals=sample_signals(rng, range(0, windows, 3)),
        arena=sample_arena(),
        validation=sample_validation(rng),
        held_out=sample_held_out(),
    )  # fmt: skip


def sample_histogram(rng: random.Random, rail: bool) -> Histogram:
    floats = tuple(rng.randrange(1000) for _ in range(BINS))
    above = 500 if rail else 0
    codes = (*floats[:-1], floats[-1] + above)
    return Histogram(floats, codes, 0, above, floats[0] // 4, above + floats[-1] // 4)


def sample_evidence(run: Run) -> LayerEvidence:
    """The third layer gives its values off by 3."""
    size = run.device_layers[2].size
    expected = bytes(i % 100 for i in range(size))
    actual = bytes((i % 100) + 3 for i in range(size))
    explained = Explanation("output zero point", "an output zero point of 9 instead of 12")
    pair = TensorPair(4, expected.hex(), actual.hex())
    return LayerEvidence(2, True, "int8", 12, False, True, None, None, explained, None, (pair,))


def sample_inputs() -> InputEvidence:
    """The second channel's gain is 1.5 on the device."""
    raw, expected, actual = bytearray(), bytearray(), bytearray()
    for t in range(50):
        for c in range(6):
            count = int(600 * math.sin(t / 5 + c))
            raw += count.to_bytes(2, "little", signed=True)
            for codes, gain in ((expected, 1.0), (actual, 1.5 if c == 1 else 1.0)):
                code = max(-128, min(127, round(count * gain / 10)))
                codes.extend(code.to_bytes(1, "little", signed=True))
    pair = RawPair(7, raw.hex(), expected.hex(), actual.hex())
    return InputEvidence(
        CHANNELS, UNITS, (0.001,) * 6, (0.0,) * 6, (1.0,) * 6, 10.0, 0, (pair,)
    )  # fmt: skip


def sample_shift(run: Run) -> DataShift:
    count = len(run.windows.label)
    near, far = Effect(0.1, 0.4, 0.3), Effect(1.2, 4.6, 2.0)
    return DataShift(
        seen_correct=299,
        seen_total=300,
        subjects=("S4", "S5", "S6"),
        matched=True,
        channels=tuple(
            ChannelShift(
                name, unit, 0.1, 1.1, 0.2, 1.4, far if name == "wy" else near, near, near, 0.9, 0.8,
                0.0, 0.002, tuple(1 / (1 + f) for f in range(26)),
                tuple(1 / (2 + f) for f in range(26)),
            )
            for name, unit in zip(CHANNELS, UNITS, strict=True)
        ),
        frequencies=tuple(2.0 * i for i in range(26)),
        gravity_norm=(1.05, 1.07),
        gravity=near,
        gyro_rms=(2.1, 2.4),
        rotation_deg=12.0,
        distance=0.05,
        p_value=0.03,
        recordings=(30, 18),
        corrections=(
            Correction(
                "mirrored", ("ax",), ("-ax", "ay", "az", "wx", "-wy", "-wz"), 0.02,
                run.windows.label, (0,) * count,
            ),
        ),
    )  # fmt: skip


def sample_trials() -> QuantizationTrials:
    def trial(right: int, error: float) -> Trial:
        return Trial(right, error)

    layers = tuple(
        LayerTrials(
            name, op, trial(285, 0.01) if op != "MEAN" else None, trial(280, 0.02 + i / 50),
            trial(279, 0.03 + i / 50), trial(282, 0.2 - i / 100), 0.1, 0.6, 1.5,
            (Remedy("int16", trial(284, 0.05)), Remedy("clip", trial(281, 0.1)))
            if name == "logits" else (), 0.2, 0.1, 0.6, trial(283, 0.1), trial(281, 0.15),
            (GateTrials("forget", trial(284, 0.02), trial(280, 0.1)),) if i == 0 else (),
        )
        for i, (name, op, _, _) in enumerate(LAYERS)
        if op not in ("MAX_POOL_2D", "SOFTMAX")
    )  # fmt: skip
    return QuantizationTrials(300, trial(286, 0.0), trial(252, 0.22), layers)


def sample_signals(rng: random.Random, windows: range) -> Signals:
    def raw() -> str:
        counts = (int(rng.gauss(0, 900)) for _ in range(50 * 6))
        return b"".join(max(-32768, min(32767, n)).to_bytes(2, "little", signed=True)
                        for n in counts).hex()  # fmt: skip

    kept = tuple(Signal(i, raw()) for i in windows)
    return Signals(CHANNELS, UNITS, (0.001,) * 6, 100.0, kept)


def sample_arena() -> ArenaPlan:
    """The second layer's output is written over the first one's."""
    blocks = (
        ArenaBlock("the model's input", "tensor", 0, 300, -1, 0),
        ArenaBlock("output of conv1", "tensor", 300, 704, 0, 1),
        ArenaBlock("output of pool1", "tensor", 296, 352, 1, 2),
        ArenaBlock("scratch of conv1", "scratch", 1004, 616, 0, 0),
        ArenaBlock("state of nothing", "state", 1620, 80, -1, 2),
    )
    return ArenaPlan(1700, ("conv1", "pool1", "conv2"), ("nn_conv_2d", "", "nn_conv_2d"), blocks)


def sample_validation(rng: random.Random) -> Validation:
    windows = sample_windows(rng, 60)
    predicted = tuple(_altered(rng, v, 0.05, 0.0) for v in windows.label)
    scores = tuple(_scores(rng, v) for v in predicted)
    column = Column("validation", "LiteRT", "float", False, None, predicted, scores)
    return Validation(windows, column, "float")


def sample_held_out() -> Validation:
    made, column = sample_windows(rng := random.Random(5), 40), sample_validation(rng).column
    predicted, scores = column.predicted[:40], column.scores[:40]
    known = replace(column, name="held-out", predicted=predicted, scores=scores)
    return Validation(made, known, "float")


def problem(**changes: object) -> Finding:
    """Return a finding above the limit."""
    return replace(
        Finding(
            severity="problem",
            stage="quantization",
            location="conv2",
            cause="narrow-range",
            headline="int8 quantization costs 9.3 points, most of it in conv2",
            evidence=(
                "rmse/scale of conv2 is 1.8; rounding alone gives 0.29",
                "11.2 % of its codes are at a rail",
            ),
            remedy="calibrate with windows of every subject, or quantize conv2 per channel",
            effect=-0.093,
            effect_low=-0.131,
            effect_high=-0.058,
            above_limit=True,
        ),
        **changes,  # type: ignore[arg-type]
    )


def fine() -> Finding:
    """Return a finding that nothing is wrong."""
    return Finding(
        severity="ok",
        stage="device",
        location=None,
        cause="exact",
        headline="The device equals the int8 definition in every byte",
        evidence=("300 windows, 9 layers each",),
        remedy=None,
        effect=None,
        effect_low=None,
        effect_high=None,
        above_limit=False,
    )
