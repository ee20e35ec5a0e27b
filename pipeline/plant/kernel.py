"""A plain CONV_2D or FULLY_CONNECTED with one defect, put in the place of a layer's own kernel.

Without a defect it computes what the definition does, byte for byte (tests/zoo holds it to that),
so that every difference is the defect's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from pipeline.emit_c.text import array
from pipeline.ir import Graph, Op
from pipeline.ops.base import Window, biases
from pipeline.ops.matrix import BIAS, conv_windows, row_multipliers
from pipeline.quant import activation_range

I64: TypeAlias = NDArray[np.int64]
Rule = Literal["tflm", "single", "truncate", "float"]
Order = Literal["same", "neighbours", "reversed", "channels-first"]

#: sum · multiplier · 2^(shift − 31) by each rule; `shift` is at most 0 in these networks.
RULES: Final[dict[Rule, str]] = {
    "tflm": "nn_requantize(sum, multiplier[o], shift[o])",
    # TFLITE_SINGLE_ROUNDING: one rounding of the whole product, halves up.
    "single": "(int32_t)(((int64_t)sum * multiplier[o] + ((int64_t)1 << (30 - shift[o]))) "
    ">> (31 - shift[o]))",
    "truncate": "(int32_t)(((int64_t)sum * multiplier[o]) >> (31 - shift[o]))",
    # By a float multiplier, to the nearest with halves to even, as XNNPACK does.
    "float": "(int32_t)((float)sum * real[o] + 12582912.0f - 12582912.0f)",
}


@dataclass(frozen=True)
class Defect:
    """What is wrong with the kernel; the defaults are right.

    rule: of requantization. accumulator: bits that sums keep. rails: highest code and, negated,
    lowest. zero_point, input_zero_point: added to the right ones. factor: of the multiplier.
    order: of the outputs. dropped: inputs of each sum, its last, that are left out. wraps: codes
    wrap around at the upper rail. overlap: outputs are written into the input's memory, so many
    bytes behind its start, while it is still being read. unsigned: weights are
    read as unsigned bytes.
    """

    rule: Rule = "tflm"
    accumulator: int = 32
    rails: int = 128
    zero_point: int = 0
    input_zero_point: int = 0
    factor: float = 1.0
    order: Order = "same"
    dropped: int = 0
    wraps: bool = False
    overlap: int | None = None
    unsigned: bool = False


CHANGES: Final[dict[str, Callable[[float], Defect]]] = {
    "plain": lambda _amount: Defect(),
    "rounding": lambda amount: Defect(rule=("single", "float", "truncate")[int(amount)]),
    "narrow-accumulator": lambda amount: Defect(accumulator=int(amount)),
    "narrow-rails": lambda amount: Defect(rails=int(amount)),
    "wrap-output": lambda amount: Defect(factor=amount, wraps=True),
    "zero-point": lambda amount: Defect(zero_point=int(amount)),
    "input-zero-point": lambda amount: Defect(input_zero_point=int(amount)),
    "multiplier": lambda amount: Defect(factor=amount),
    "order": lambda amount: Defect(order=("neighbours", "reversed", "channels-first")[int(amount)]),
    "overlap": lambda amount: Defect(overlap=int(amount)),
    "plain-char": lambda _amount: Defect(unsigned=True),
    "drop-inputs": lambda amount: Defect(dropped=int(amount)),
}


def body_of(text: str, op: Op) -> re.Match[str]:
    """Return where the emitted function of a layer stands: groups name and body."""
    found = re.search(
        rf"^static int (?P<name>model_{op.index}_\w*run)\(void\) \{{\n(?P<body>.*?)^\}}\n",
        text,
        re.MULTILINE | re.DOTALL,
    )
    if found is None:
        raise InputError(f"layer {op.index} has no function in the emitted C")
    return found


def replace(text: str, graph: Graph, op: Op, defect: Defect) -> str:
    """Return the C with a layer's function replaced by a plain kernel that has `defect`."""
    if op.name not in ("CONV_2D", "FULLY_CONNECTED"):
        raise InputError(f"there is no plain kernel for {op.name}")
    found = body_of(text, op)
    made = _kernel(graph, op, defect, found["name"])
    return f'{text[: found.start()]}#include "nn_quant.h"\n{made}{text[found.end() :]}'


def _windows(graph: Graph, op: Op) -> tuple[Window, Window]:
    if op.name == "CONV_2D":
        return conv_windows(graph, op)
    return Window(1, 1, 1, 1, 1, 0), Window(1, 1, 1, 1, 1, 0)


def _kernel(graph: Graph, op: Op, defect: Defect, function: str) -> str:
    rows, columns = _windows(graph, op)
    source, target = graph.need(op, 0), graph.output_of(op)
    weights = graph.need(op, 1)
    assert weights.data is not None
    outputs, depth = len(weights.data), weights.elements // len(weights.data)
    channels = depth // (rows.kernel * columns.kernel)
    multiplier, shift = _scaled(row_multipliers(graph, op), defect.factor)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    low, high = max(low, -defect.rails), min(high, defect.rails - 1)
    real = multiplier.astype(np.float64) * 2.0 ** (shift - 31)
    zero = source.zero_point + defect.input_zero_point
    kind = "uint8_t" if defect.unsigned else "int8_t"
    codes = weights.data.view(np.uint8) if defect.unsigned else weights.data
    return f"""\
static int {function}(void) {{
{array(kind, "weights", codes, "row by row")}\
{array("int32_t", "bias", biases(graph, op, BIAS, outputs), "per row")}\
{array("int32_t", "multiplier", multiplier, "per row")}\
{array("int32_t", "shift", shift, "per row")}\
{array("float", "real", real.astype(np.float32), "both as one number")}\
    const int8_t *x = model_layers[{op.index}].inputs[0].data;
    int8_t *out = model_layers[{op.index}].output;
    {_buffers(defect, source.size, rows.out * columns.out * outputs)}
    (void)real, (void)shift, (void)multiplier;
    for (int32_t r = 0; r < {rows.out}; r++)
        for (int32_t c = 0; c < {columns.out}; c++)
            for (int32_t o = 0; o < {outputs}; o++) {{
                int32_t sum = bias[o], code;
                for (int32_t k = 0; k < {depth - defect.dropped}; k++) {{
                    const int32_t y = r * {rows.stride} - {rows.pad} +
                                      k / {channels * columns.kernel} * {rows.dilation};
                    const int32_t z = c * {columns.stride} - {columns.pad} +
                                      k / {channels} % {columns.kernel} * {columns.dilation};
                    if (y >= 0 && y < {rows.size} && z >= 0 && z < {columns.size})
                        sum += weights[o * {depth} + k] *
                               (x[(y * {columns.size} + z) * {channels} + k % {channels}] - {zero});
                }}
                sum = (int32_t)((uint32_t)sum << {32 - defect.accumulator}) >>
                      {32 - defect.accumulator};
                code = {RULES[defect.rule]} + {target.zero_point + defect.zero_point};
                made[(r * {columns.out} + c) * {outputs} + o] = {_limited(defect, low, high)};
            }}
    for (int32_t i = 0; i < {rows.out * columns.out * outputs}; i++)
        out[{_place(defect.order, rows.out * columns.out, outputs)}] = made[i];
    return 0;
}}
"""


def _scaled(pairs: tuple[I64, I64], factor: float) -> tuple[I64, I64]:
    """Return multipliers times `factor`, kept in the upper half of int32, and their shifts."""
    multiplier, shift = pairs[0].astype(np.float64) * factor, pairs[1].copy()
    while (multiplier >= 2**31).any():
        shift[multiplier >= 2**31] += 1
        multiplier[multiplier >= 2**31] /= 2
    while (multiplier < 2**30).any():
        shift[multiplier < 2**30] -= 1
        multiplier[multiplier < 2**30] *= 2
    return np.floor(multiplier + 0.5).astype(np.int64), shift


def _buffers(defect: Defect, input_size: int, output_size: int) -> str:
    """Return the declaration of `made`, where outputs are collected."""
    if defect.overlap is None:
        return f"static int8_t made[{output_size}];"
    size = max(input_size, output_size + defect.overlap)
    return (
        f"static int8_t shared[{size}], *made = shared + {defect.overlap};\n"
        f"    memcpy(shared, x, {input_size});\n    x = shared;"
    )


def _limited(defect: Defect, low: int, high: int) -> str:
    if defect.wraps:
        return f"(int8_t)(uint8_t)(code < {low} ? {low} : code)"
    return f"(int8_t)nn_clamp(code, {low}, {high})"


def _place(order: Order, positions: int, outputs: int) -> str:
    """Return where output i goes, as C."""
    total = positions * outputs
    return {
        "same": "i",
        "neighbours": f"(i ^ 1) < {total} ? (i ^ 1) : i",
        "reversed": f"{total - 1} - i",
        "channels-first": f"i % {outputs} * {positions} + i / {outputs}",
    }[order]
