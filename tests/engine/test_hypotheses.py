"""A layer that was computed wrongly on purpose is told by the rule that was planted."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.board import PROJECT_DIR
from pipeline.hypotheses import explain, lstm, sums
from pipeline.hypotheses.layer import Layer
from pipeline.hypotheses.recover import probes, recover
from pipeline.hypotheses.sums import MATRIX, RULES, sums_of
from pipeline.interp import run_layers
from pipeline.ir import Graph, Op
from pipeline.ops import OPERATORS
from pipeline.ops.lstm import lstm_of
from pipeline.plant.graph import (
    flip_weight_bits,
    layer,
    lose_bias,
    stale_weights,
    swap_gates,
    transpose_weights,
)
from pipeline.verify import read_verified

MODELS = PROJECT_DIR / "test_vectors" / "models"
GRAPHS = {name: read_verified(MODELS / name / "int8.tflite") for name in ("cnn", "dense", "lstm")}
#: Smooth windows: noise would leave most layers clamped.
WINDOWS = (
    np.random.default_rng(3).normal(0, 12, (12, 50, 6)).cumsum(axis=1).clip(-128, 127)
    .astype(np.int8).reshape(12, -1)
)  # fmt: skip
VALUES = {name: run_layers(graph, WINDOWS) for name, graph in GRAPHS.items()}
LSTM = "unidirectional_sequence_lstm_0"


def given(name: str, place: str) -> tuple[Graph, Op, Layer]:
    """Return a layer as the definition computes it."""
    graph, values = GRAPHS[name], VALUES[name]
    op = layer(graph, place)
    right = values[op.outputs[0]].reshape(len(WINDOWS), -1)
    return graph, op, Layer(graph, op, values, right)


def told(name: str, place: str, actual: NDArray[Any]) -> tuple[str, str] | None:
    graph, op, _ = given(name, place)
    return explain(graph, op.outputs[0], VALUES[name], actual.astype(np.int8))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_sums_are_the_definitions(name: str) -> None:
    places = [
        GRAPHS[name].layer_name(op) for op in GRAPHS[name].ops if op.name in ("CONV_2D", *MATRIX)
    ]
    assert places
    for place in places:
        _, _, right = given(name, place)
        s = sums_of(right)
        assert right.same(s.finished(s.total))
        # Half of all products are rounded up: a layer that never rounds shows it somewhere.
        assert not right.same(RULES["no rounding"](s))
        for rule in ("single rounding", "no rounding", "float32 rounding", "cutting off"):
            made = RULES[rule](s).reshape(right.actual.shape)
            assert np.abs(made - right.actual).max() <= 1  # roundings differ by one step


@pytest.mark.parametrize("rule", ["no rounding", "no bias", "no output zero point", "cutting off"])
def test_a_rule_about_sums_is_told(rule: str) -> None:
    # The last layer, which no activation limits: cut off and rounded down, positive sums are equal.
    _, _, right = given("dense", "scores")
    assert told("dense", "scores", RULES[rule](sums_of(right))) == (rule, rule)


@pytest.mark.parametrize(
    ("made", "rule", "words"),
    [
        (lambda s: sums._wrapped(s, 13), "narrow sums", "wrap in 13 bits"),
        (lambda s: sums._stopped(s, 12), "narrow sums", "stop at 12 bits"),
        (lambda s: sums._shifted(s, (0, 5, 0)), "input zero point", "instead of"),
        (lambda s: sums._shifted(s, (-7, 0, 0)), "output zero point", "-7 off"),
    ],
)
def test_widths_and_zero_points_are_told(made: Any, rule: str, words: str) -> None:
    _, _, right = given("cnn", "conv2")
    found = told("cnn", "conv2", made(sums_of(right)))
    assert found is not None
    assert found[0] == rule
    assert words in found[1]


@pytest.mark.parametrize(("part", "words"), [(slice(77), "last 3"), (slice(6, 80), "first 6")])
def test_dropped_inputs_are_counted(part: slice, words: str) -> None:
    _, _, right = given("cnn", "conv2")
    found = told("cnn", "conv2", sums._without(right, part))
    assert found == ("dropped inputs", f"sums without their {words} of 80 inputs")


def test_wrapping_with_a_factor_is_told() -> None:
    _, _, right = given("dense", "dense2")
    s = sums_of(right)
    wide = np.rint(2.5 * s.real) + s.zero_point
    assert (wide > 127).any()
    wrapped = (np.maximum(wide, s.low) + 128) % 256 - 128
    found = told("dense", "dense2", wrapped)
    assert found is not None
    assert found[0] == "wrapping"


@pytest.mark.parametrize(
    ("name", "place", "change", "amount", "rule"),
    [
        ("cnn", "conv3", transpose_weights, 1, "layout"),
        ("dense", "dense1", transpose_weights, 1, "layout"),
        ("lstm", LSTM, transpose_weights, 1, "layout"),
        ("lstm", LSTM, swap_gates, 1, "gate order"),
        ("lstm", LSTM, lose_bias, 1, "no bias"),
    ],
)
def test_constants_in_another_order_are_told(
    name: str, place: str, change: Any, amount: float, rule: str
) -> None:
    graph, op, _ = given(name, place)
    planted = change(graph, op, amount)
    made = OPERATORS[op.name].evaluate(planted, planted.ops[op.index], VALUES[name])
    found = told(name, place, made)
    assert found is not None
    assert found[0] == rule


@pytest.mark.parametrize(("change", "amount"), [(lose_bias, 0.3), (flip_weight_bits, 8)])
def test_other_constants_of_an_lstm_are_told_unit_by_unit(change: Any, amount: float) -> None:
    graph, op, right = given("lstm", LSTM)
    planted = change(graph, op, amount)
    values = {k: v[:3] for k, v in VALUES["lstm"].items()}
    made = OPERATORS[op.name].evaluate(planted, planted.ops[op.index], values)
    some = dataclasses.replace(right, inputs=values, actual=made.reshape(3, -1))
    (guess,) = lstm.guesses(some)
    assert guess.rule == "other constants"
    assert guess.explains(some)


def test_an_lstm_that_is_none_has_no_other_constants() -> None:
    """Units that forget their cell at every step are no LSTM's, whatever the constants."""
    graph, op, right = given("lstm", LSTM)
    shape = (len(WINDOWS), -1, lstm_of(graph, op).units)
    made = right.actual.reshape(shape).copy()
    made[:, 1:] = (made[:, 1:].astype(int) - made[:, :-1]).clip(-128, 127).astype(np.int8)
    layer_ = dataclasses.replace(right, actual=made.reshape(len(WINDOWS), -1)).window(0)
    (guess,) = lstm.guesses(layer_)
    assert not guess.explains(layer_)


def test_an_lstm_that_is_right_has_no_other_constants() -> None:
    _, _, right = given("lstm", LSTM)
    (guess,) = lstm.guesses(right)
    assert not guess.explains(right)


@pytest.mark.parametrize(("place", "offset"), [("dense2", 0), ("dense2", 3), ("dense1", -2)])
def test_an_output_over_its_input_is_told(place: str, offset: int) -> None:
    graph, op, right = given("dense", place)
    wrong = np.stack([overwritten(right.window(i), offset) for i in range(len(WINDOWS))])
    assert not right.same(wrong)
    found = explain(graph, op.outputs[0], VALUES["dense"], wrong)
    assert found is not None
    assert found[0] == "overlap"
    assert ("over its input" if offset == 0 else f"{offset} bytes behind") in found[1]


def overwritten(one: Layer, offset: int) -> NDArray[np.int8]:
    """Compute a FULLY_CONNECTED output by output in memory that its input lies in."""
    source = one.graph.need(one.op, 0)
    x = one.inputs[source.index].reshape(-1).copy()
    out = np.zeros(one.actual.shape[1], np.int8)
    for j in range(out.size):
        now = dataclasses.replace(one, inputs={source.index: x.reshape(1, *source.shape)})
        s = sums_of(now)
        out[j] = s.finished(s.total).reshape(-1)[j]
        if 0 <= offset + j < x.size:
            x[offset + j] = out[j]
    return out


@pytest.mark.parametrize("place", ["dense2", "dense1"])
def test_what_the_input_left_is_told(place: str) -> None:
    graph, op, right = given("dense", place)
    wrong = right.actual.copy()
    held = VALUES["dense"][op.inputs[0]].reshape(len(WINDOWS), -1)
    wrong[:, 8:] = held[:, 8 : wrong.shape[1]]
    found = explain(graph, op.outputs[0], VALUES["dense"], wrong)
    assert found is not None
    assert found[0] == "unwritten"


def test_noise_is_explained_by_nothing() -> None:
    noise = np.random.default_rng(1).integers(-128, 128, (3, 16)).astype(np.int8)
    values = {k: v[:3] for k, v in VALUES["dense"].items()}
    graph, op, _ = given("dense", "dense2")
    assert explain(graph, op.outputs[0], values, noise) is None


@pytest.mark.parametrize(("name", "place"), [("cnn", "conv2"), ("dense", "dense2")])
def test_constants_are_recovered_from_answers(name: str, place: str) -> None:
    graph, op, _ = given(name, place)
    inputs = probes(graph, op.outputs[0])
    assert inputs is not None

    def answers(planted: Graph) -> NDArray[Any]:
        given = {op.inputs[0]: inputs}
        return OPERATORS[op.name].evaluate(planted, planted.ops[op.index], given)

    right = recover(graph, op.outputs[0], inputs, answers(graph))
    assert right is not None
    assert right.told > right.rows / 2
    assert right.affine == right.told
    assert (right.other_rows, right.other_weights, right.other_biases) == (0, 0, 0)
    stale = recover(graph, op.outputs[0], inputs, answers(stale_weights(graph, op, 0.2)))
    assert stale is not None
    assert stale.affine == stale.told
    assert 0 < stale.other_rows <= round(0.2 * stale.rows)
    # Something else than a weighted sum: the codes' sign is lost.
    bent = recover(graph, op.outputs[0], inputs, np.abs(answers(graph).astype(int)) // 2)
    assert bent is not None
    assert bent.affine < bent.told


@pytest.mark.parametrize(("name", "place"), [("cnn", "scores"), ("dense", "scores")])
def test_random_inputs_show_a_wrap_that_windows_do_not_reach(name: str, place: str) -> None:
    graph, op, right = given(name, place)
    inputs = probes(graph, op.outputs[0])
    assert inputs is not None

    def wide(s: sums.Sums) -> NDArray[Any]:
        return np.maximum(np.rint(1.5 * s.real) + s.zero_point, s.low)

    def asked(inputs: dict[int, NDArray[Any]], codes: NDArray[Any]) -> tuple[str, str] | None:
        wrapped = ((codes + 128) % 256 - 128).astype(np.int8)
        return explain(graph, op.outputs[0], inputs, wrapped)

    codes = wide(sums_of(right)).reshape(len(WINDOWS), -1)
    calm = np.flatnonzero(codes.max(axis=1) <= 127)
    assert calm.size  # these windows alone only show a wrong factor
    assert asked({k: v[calm] for k, v in VALUES[name].items()}, codes[calm]) is None
    answers = wide(sums_of(Layer(graph, op, {op.inputs[0]: inputs}, inputs)))
    found = asked({op.inputs[0]: inputs}, answers)
    assert found is not None
    assert found[0] == "wrapping"


def test_layers_without_weights_are_not_probed() -> None:
    graph = GRAPHS["cnn"]
    assert probes(graph, layer(graph, "pool1").outputs[0]) is None
    assert probes(GRAPHS["lstm"], layer(GRAPHS["lstm"], LSTM).outputs[0]) is None
