"""A run record that was read back is the one written; one that does not fit itself is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from records import good_run

from hil.errors import InputError
from hil.record import (
    BINS,
    ArenaBlock,
    ArenaPlan,
    ChannelShift,
    Correction,
    DataShift,
    Effect,
    Explanation,
    Histogram,
    InputEvidence,
    LayerEvidence,
    Origin,
    RawPair,
    Run,
    Signal,
    Signals,
    TensorPair,
    Validation,
    load_run,
    save_run,
)


def shift_of_one_channel() -> DataShift:
    """Return a shift with one correction, over the twelve windows of `run_with_evidence`."""
    effect = Effect(0.5, 2.0, None)
    channel = ChannelShift(
        "ax", "g", 0.0, 1.0, 0.5, 1.0, effect, effect, None, None, None, 0.0, 0.0, (1.0,), (2.0,)
    )
    undone = Correction("offset", ("ax",), ("ax - 0.5",), 0.1, (0,) * 12, (1,) * 12)
    return DataShift(
        9, 10, ("1",), True, (channel,), (0.0,), (1.0, 1.1), effect, None, None, 0.2, 0.5, (3, 4),
        (undone,),
    )  # fmt: skip


def run_with_evidence() -> Run:
    pair = TensorPair(0, "00ff", "0101")
    layers = LayerEvidence(
        0,
        True,
        "int8",
        0,
        False,
        True,
        None,
        None,
        Explanation("no bias", "no bias"),
        None,
        (pair,),
    )
    raw = RawPair(3, "01000200", "0102", "0304")
    inputs = InputEvidence(
        ("ax", "wx"), ("g", "rad/s"), (0.1, 0.2), (0.0, 1.0), (1.0, 2.0), 0.05, 3, (raw,)
    )
    run = good_run(12, layer_evidence=(layers,), input_evidence=inputs)
    histogram = Histogram((1,) * BINS, (2,) * BINS, 3, 4, 5, 6)
    return replace(
        run,
        device_layers=(replace(run.device_layers[0], size=2),),
        quantization=(replace(run.quantization[0], histogram=histogram), *run.quantization[1:]),
        origin=Origin("tinyhil train", 1, {"numpy": "2"}, {"int8.tflite": "ab"}),
        signals=Signals(("ax",), ("g",), (0.1,), 100.0, (Signal(3, "0100ffff"),)),
        validation=Validation(run.windows, run.columns[0], "float"),
        held_out=Validation(run.windows, run.columns[0], "float"),
        data_shift=shift_of_one_channel(),
        arena=ArenaPlan(8, ("a",), ("plain",), (ArenaBlock("x", "tensor", 4, 4, -1, 0),)),
    )


def test_round_trip(tmp_path: Path) -> None:
    run = run_with_evidence()
    save_run(tmp_path / "run.json", run)
    assert load_run(tmp_path / "run.json") == run


def changed(tmp_path: Path, place: list[Any], value: Any) -> Path:
    path = tmp_path / "run.json"
    save_run(path, run_with_evidence())
    data = json.loads(path.read_text())
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (["quantization", 0, "histogram", "codes"], [1], "not 64 counts"),
        (["quantization", 0, "histogram", "above"], -1, "not 64 counts"),
        (["signals", "units"], [], "not one unit for each"),
        (["signals", "rate_hz"], 0, "must be positive"),
        (["signals", "kept", 0, "window"], 12, "no such window"),
        (["signals", "kept", 0, "raw"], "01", "do not have 1 channels"),
        (["signals", "kept", 0, "raw"], "01zz", "hexadecimal"),
        (["arena", "kernels"], [], "not one kernel"),
        (["arena", "blocks", 0, "offset"], 5, "outside its 8 bytes"),
        (["arena", "blocks", 0, "size"], 0, "outside its 8 bytes"),
        (["arena", "blocks", 0, "last_layer"], 1, "no such layers"),
        (["validation", "windows", "label"], [0], "differ in length"),
        (["validation", "windows", "classes"], ["a", "b", "c"], "not those of the windows"),
        (["validation", "column", "predicted"], [0], "validation.column: not one prediction"),
        (["validation", "column", "predicted", 0], 3, "validation.column.predicted: outside"),
        (["held_out", "column", "predicted", 0], 3, "held_out.column.predicted: outside"),
        (["data_shift", "corrections", 0, "float_predicted"], [0], "not one class a window"),
        (["data_shift", "corrections", 0, "kind"], "magic", "kind"),
        (["data_shift", "channels", 0, "target_psd"], [], "not one density for each frequency"),
        (["version"], 1, "made by another version of tinyhil"),
        (["windows", "label"], [0] * 11, "differ in length"),
        (["windows", "label", 3], 3, "outside"),
        (["columns", 0, "predicted"], [0], "not one prediction"),
        (["comparisons", 0, "differing"], [12], r"comparisons\[0\].differing"),
        (["layer_evidence", 0, "layer"], 3, "no such layer"),
        (["layer_evidence", 0, "pairs", 0, "actual"], "0g", "hexadecimal"),
        (["layer_evidence", 0, "pairs", 0, "expected"], "00", "hexadecimal"),
        (["input_evidence", "std"], [1.0], "one constant for each of 2 channels"),
        (["input_evidence", "std", 1], 0.0, "must be positive"),
        (["input_evidence", "pairs", 0, "raw"], "00", "8 hexadecimal digits"),
        (["columns", 2, "predicted", 4], 99, r"columns\[2\].predicted"),
        (["columns", 1, "scores", 0], [0.5], r"columns\[1\].scores"),
        (["columns", 1, "scores", 0], [], r"columns\[1\].scores"),
        (["columns", 1, "scores", 0, 0], 1e999, "Infinity|finite"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, place: list[Any], value: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load_run(changed(tmp_path, place, value))
    assert "\n" not in str(caught.value)
    assert "run.json" in str(caught.value)
