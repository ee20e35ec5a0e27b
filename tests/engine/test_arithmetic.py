"""pipeline/quant.py and firmware/lib/nn: the shared cases, and every value of the tables."""

from __future__ import annotations

import ctypes
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline import quant
from pipeline.options import Activation
from pipeline.tflite import parse_tflite
from tests.engine.build_model import Builder
from tests.engine.native import arithmetic
from tests.engine.requant_oracle import CASES, text
from tests.engine.tflm import Tflm

EVERY_INT16 = np.arange(-(2**15), 2**15, dtype=np.int16)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return arithmetic(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(scope="module")
def cases() -> dict[str, NDArray[np.int64]]:
    content: dict[str, Any] = json.loads(CASES.read_text())
    names = ("high_mul", "divide_by_pot", "requantize")
    return {name: np.array(content[name], np.int64) for name in names}


def test_cases_are_current() -> None:
    assert CASES.read_text() == text(), "python tests/engine/requant_oracle.py writes them anew"


@pytest.mark.parametrize("name", ["high_mul", "divide_by_pot", "requantize"])
def test_python_agrees_with_the_cases(name: str, cases: dict[str, NDArray[np.int64]]) -> None:
    *arguments, expected = cases[name].T
    np.testing.assert_array_equal(getattr(quant, name)(*arguments), expected)


@pytest.mark.parametrize("name", ["high_mul", "divide_by_pot", "requantize"])
def test_c_agrees_with_the_cases(
    name: str, cases: dict[str, NDArray[np.int64]], kernels: ctypes.CDLL
) -> None:
    function = getattr(kernels, name)
    results = [function(*map(int, row[:-1])) for row in cases[name]]
    assert results == cases[name][:, -1].tolist()


def test_multipliers_agree_with_the_cases() -> None:
    for real, multiplier, shift in json.loads(CASES.read_text())["quantize_multiplier"]:
        assert quant.quantize_multiplier(real) == (multiplier, shift), real


@given(st.lists(st.just(0.0) | st.floats(2.0**-80, 2.0**40) | st.sampled_from([1 - 2.0**-40, 1.0])))
def test_multipliers_of_many_are_those_of_each(reals: list[float]) -> None:
    found = quant.quantize_multipliers(np.array(reals))
    assert list(zip(*(v.tolist() for v in found), strict=True)) == [
        quant.quantize_multiplier(real) for real in reals
    ]


@given(st.floats(2.0**-31, 2.0**30))
def test_multiplier_is_within_half_a_unit(real: float) -> None:
    multiplier, shift = quant.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert abs(math.ldexp(multiplier, shift - 31) / real - 1) <= 2.0**-31


def unary_tflm(operator: str, scale: float) -> NDArray[np.int16]:
    """Return what TFLM's int16 LOGISTIC or TANH gives for every int16 value."""
    builder = Builder()
    source = builder.tensor((1, 2**16), "int16", scale=scale)
    target = builder.tensor((1, 2**16), "int16", scale=2.0**-15)
    builder.op(operator, [source], [target])
    model = builder.finish([source], [target])
    (output,) = Tflm(model).layers(parse_tflite(model, operator), EVERY_INT16.reshape(1, -1))
    return output.reshape(-1).astype(np.int16)


def test_sigmoid_is_tflms_for_every_value(kernels: ctypes.CDLL) -> None:
    ours = quant.sigmoid(EVERY_INT16.astype(np.int64)).astype(np.int16)
    np.testing.assert_array_equal(ours, unary_tflm("LOGISTIC", 2.0**-12))
    in_c = np.empty_like(ours)
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (EVERY_INT16, in_c)]
    kernels.sigmoid(*pointers, len(EVERY_INT16))
    np.testing.assert_array_equal(in_c, ours)


@pytest.mark.parametrize("left_shift", range(-3, 10))
def test_tanh_is_tflms_for_every_value(left_shift: int, kernels: ctypes.CDLL) -> None:
    ours = quant.tanh(EVERY_INT16.astype(np.int64), left_shift).astype(np.int16)
    in_c = np.empty_like(ours)
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (EVERY_INT16, in_c)]
    kernels.tanh_16(*pointers, len(EVERY_INT16), left_shift)
    np.testing.assert_array_equal(in_c, ours)
    # TFLM's TANH takes finer inputs another way than its LSTM: those are compared as whole LSTMs.
    if left_shift >= 0:
        np.testing.assert_array_equal(ours, unary_tflm("TANH", 2.0 ** (left_shift - 12)))


@given(values=st.lists(st.integers(-(2**31) + 1, 0), min_size=1))
def test_exp_in_c_is_pythons_and_near_the_real_one(values: list[int], kernels: ctypes.CDLL) -> None:
    ours = quant.exp_on_negative(np.array(values, np.int64))
    assert [kernels.exp_on_negative(v) for v in values] == ours.tolist()
    real = np.exp(np.array(values) / 2.0**26)
    # The series leaves out (1/8)^5 / 120 = 2.6e-7 at most; roundings are a hundredth of that.
    np.testing.assert_allclose(ours / 2.0**31, real, atol=3e-7)


@given(x=st.integers(2**19, 2**28 - 1))
def test_reciprocal_in_c_is_pythons_and_near_the_real_one(x: int, kernels: ctypes.CDLL) -> None:
    bits = ctypes.c_int32()
    in_c = kernels.reciprocal(x, ctypes.byref(bits))
    ours, our_bits = quant.reciprocal(np.array([x], np.int64))
    assert (in_c, bits.value) == (int(ours[0]), int(our_bits[0]))
    # Three Newton steps from 48/17 − 32/17 d leave less than 2^-26 of relative error.
    assert math.isclose(in_c * 2.0 ** (-31 - bits.value), 2.0**19 / x, rel_tol=2.0**-26)


@given(
    st.sampled_from([a for a in Activation if a <= Activation.RELU6]),
    st.floats(2.0**-149, 2.0**100, width=32),
    st.integers(-128, 127),
)
def test_activation_range_is_a_range_of_codes(
    activation: Activation, scale: float, zero_point: int
) -> None:
    low, high = quant.activation_range(activation, np.float32(scale), zero_point)
    assert -128 <= low <= high <= 127
    assert low <= zero_point or activation == Activation.NONE
