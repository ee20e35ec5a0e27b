"""The layer that quantization's loss comes from, and why, told from the experiments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from records import answers, col, good_run, with_answers

from hil.record import GateTrials, LayerTrials, QuantizationTrials, Remedy, Run, Trial
from hil.verdict.diagnose import diagnose
from hil.verdict.findings import Finding


def trials(name: str, error: float, **changes: Any) -> LayerTrials:
    base = LayerTrials(
        name=name, op="CONV_2D", only_weights=Trial(268, error / 10), only_output=Trial(200, error),
        only=Trial(200, error), all_but=Trial(266, 0.03), saturation=0.0, used_range=0.8,
        outlier_ratio=1.5, remedies=(),
    )  # fmt: skip
    return replace(base, **changes)


def lossy(everything: int = 200, **changes: Any) -> Run:
    """Return a run that loses 70 of 300 windows at int8, and experiments that show it."""
    remedies = (Remedy("clip", Trial(210, 0.4)), Remedy("recalibrate", Trial(265, 0.05)))
    layers = (trials("layer0", 0.02), trials("layer1", 0.5, **{"remedies": remedies, **changes}))
    made = QuantizationTrials(300, Trial(270, 0.0), Trial(everything, 0.51), layers)
    wrong = answers(300, wrong=[*range(0, 300, 10), *range(1, 300, 4)])
    return with_answers(
        replace(good_run(), trials=made), int8=wrong, device=wrong, device_raw=wrong
    )


def blamed(run: Run) -> Finding:
    return next(f for f in diagnose(run) if f.stage == "quantization" and f.above_limit)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"saturation": 0.9}, "saturation"),
        ({"calibration": 0.97, "used_range": 0.1}, "calibration-range"),
        ({"calibration": 0.97, "outlier_ratio": 20.0}, "calibration-range"),
        ({"outlier": 0.9}, "outlier-channel"),
        ({"outlier": 0.4, "outlier_ratio": 20.0}, "outlier-channel"),
        ({"only_weights": Trial(190, 0.9)}, "weights"),
        ({}, "rounding"),
    ],
)
def test_the_worst_layer_is_blamed_with_its_cause(changes: dict[str, Any], cause: str) -> None:
    found = blamed(lossy(**changes))
    assert (found.cause, found.location) == (cause, "layer1")
    assert found.remedy is not None
    assert "+65 windows right" in found.remedy
    assert any("only layer1" in line for line in found.evidence)


def test_an_lstms_gates_are_told_with_the_one_that_costs_most() -> None:
    gates = tuple(
        GateTrials(name, Trial(260, error), Trial(263, 0.1))
        for name, error in (("forget", 0.02), ("cell", 0.3), ("output", 0.01))
    )
    text = " ".join(blamed(lossy(gates=gates)).evidence)
    assert "forget 2.0 %, cell 30.0 %, output 1.0 %" in text
    assert "all but the cell gate's: 263 of 300 right" in text


def test_what_quantization_aware_training_gives_is_measured() -> None:
    run = lossy()
    qat = col("qat", "int8", "pruned", answers(300, wrong=range(0, 300, 10)), side=True)
    text = " ".join(blamed(replace(run, columns=(*run.columns, qat))).evidence)
    assert "(qat.tflite): 270 of 300 right, +75 against int8" in text
    assert "qat.tflite" not in " ".join(blamed(run).evidence)


def test_a_loss_that_the_experiments_do_not_show_is_not_put_on_a_layer_by_them() -> None:
    assert blamed(lossy(everything=265)).cause == "loss"


def test_of_remedies_that_give_the_same_windows_the_cheapest_is_advised() -> None:
    tried = (Remedy("int16", Trial(265, 0.01)), Remedy("recalibrate", Trial(265, 0.05)))
    found = blamed(lossy(remedies=tried))
    assert found.remedy is not None
    assert found.remedy.startswith("calibrate on more windows")


def test_no_remedy_is_named_that_did_not_help() -> None:
    found = blamed(lossy(remedies=(Remedy("clip", Trial(201, 0.5)),)))
    assert found.remedy is not None
    assert "measured" not in found.remedy


def test_an_input_cut_off_is_the_cause_of_a_loss_and_a_note_where_there_is_none() -> None:
    cut = replace(good_run(), input_saturated=0.95)
    (told,) = [f for f in diagnose(cut) if f.location == "input"]
    assert (told.severity, told.cause) == ("note", "saturation")
    assert told.headline == "Input: 95.0 % of its values are at the end of the int8 range"
    wrong = answers(300, range(90))
    lossy = with_answers(cut, int8=wrong, device=wrong, device_raw=wrong)
    (told,) = [f for f in diagnose(lossy) if f.location == "input"]
    assert (told.severity, told.stage, told.cause) == ("problem", "quantization", "saturation")
    assert told.evidence[0].startswith("input: 95.0 % of its values")
    assert told.remedy is not None
    assert told.remedy.startswith("calibrate again")
    assert not [f for f in diagnose(replace(lossy, input_saturated=0.05)) if f.location == "input"]


def coarse(lost: int, code: int | None = 1, alone: float = 0.59) -> list[Finding]:
    """`lost` windows fewer are right in int8, each its own recording's; what is told of weights."""
    wrong = answers(300, range(lost))
    run = with_answers(good_run(), float=answers(300), pruned=answers(300), int8=wrong)
    layers = (
        trials("layer0", 0.02, largest_weight=127),
        trials("layer1", 0.5, only_weights=Trial(270, alone), largest_weight=code),
    )
    made = QuantizationTrials(300, Trial(300, 0.0), Trial(300 - lost, 0.6), layers)
    told = diagnose(replace(run, trials=made))
    return [f for f in told if (f.stage, f.cause) == ("quantization", "weights")]


def test_weights_of_few_codes_are_blamed_where_int8_measured_worse() -> None:
    (told,) = coarse(lost=9)  # of one recording: no test is sure of that
    assert (told.severity, told.location) == ("problem", "layer1")
    assert "3 of their 255 codes" in told.headline
    assert "no more than chance" in told.evidence[1]


def test_weights_of_few_codes_that_cost_nothing_are_a_note() -> None:
    (told,) = coarse(lost=0)
    assert (told.severity, told.above_limit) == ("note", False)


@pytest.mark.parametrize("changes", [{"code": 127}, {"code": None}, {"alone": 0.3}])
def test_weights_that_are_fine_or_matter_little_are_not_mentioned(changes: dict[str, Any]) -> None:
    assert coarse(lost=9, **changes) == []
