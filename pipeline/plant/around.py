"""Faults around a layer's function or in the model's reset, in the text of the emitted C.

The layer keeps its own kernel; what is wrong happens before or after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from hil.errors import InputError
from pipeline.ir import Graph, Op
from pipeline.options import Pool2DOptions
from pipeline.plant.graph import layer
from pipeline.plant.kernel import body_of

Planted = Callable[[str, Graph, str, float], str]


def _wrap(text: str, op: Op, declarations: str, before: str, after: str) -> str:
    """Return the C with statements around a layer's function; `layer` is its row of the table."""
    found = body_of(text, op)
    name = found["name"]
    inner = found[0].replace(f"{name}(void)", f"planted_{name}(void)", 1)
    return f"""{text[: found.start()]}{declarations}{inner}
static int {name}(void) {{
    const struct nn_layer *layer = &model_layers[{op.index}];
    int status;
    (void)layer;
    {before}
    status = planted_{name}();
    {after}
    return status;
}}
{text[found.end() :]}"""


def skip(text: str, graph: Graph, place: str, amount: float) -> str:
    """Leave the last share `amount` of a layer's output unwritten: what was there stays."""
    op = layer(graph, place)
    size = graph.output_of(op).size
    kept = min(size - 1, int(size * (1 - amount)))
    return _wrap(
        text,
        op,
        f"static int8_t planted_before[{size}];\n",
        "memcpy(planted_before, layer->output, sizeof planted_before);",
        f"memcpy(layer->output + {kept}, planted_before + {kept}, sizeof planted_before - {kept});",
    )


def flicker(text: str, graph: Graph, place: str, amount: float) -> str:
    """Turn the lowest bit of the first `amount` outputs at every third call, as a race does."""
    op = layer(graph, place)
    count = min(int(amount), graph.output_of(op).size)
    return _wrap(
        text,
        op,
        "static unsigned planted_calls;\n",
        "",
        f"if (++planted_calls % 3U == 0U)\n"
        f"        for (int i = 0; i < {count}; i++)\n            layer->output[i] ^= 1;",
    )


def late_write(text: str, graph: Graph, place: str, amount: float) -> str:
    """Let `amount` bytes land in a layer's output after it has ended and before it is read, as a
    transfer does that was started too early into memory that is in use.
    """
    op = layer(graph, place)
    reader = next(o for o in graph.ops if op.outputs[0] in o.inputs)
    count = min(int(amount), graph.output_of(op).size)
    flag = "static int planted_pending;\n"
    text = _wrap(text, op, flag, "", "planted_pending = 1;")
    return _wrap(
        text,
        reader,
        "",
        f"if (planted_pending)\n"
        f"        for (int i = 0; i < {count}; i++)\n"
        f"            model_layers[{op.index}].output[i] = (int8_t)(37 * i);\n"
        "    planted_pending = 0;",
        "",
    )


def deep_stack(text: str, graph: Graph, place: str, amount: float) -> str:
    """Let a layer use `amount` bytes of stack more than it did."""
    return _wrap(
        text,
        layer(graph, place),
        f"""static __attribute__((noinline)) int planted_depth(void) {{
    volatile uint8_t deep[{int(amount)}];
    for (uint32_t i = 0; i < sizeof deep; i++)
        deep[i] = (uint8_t)i;
    return deep[sizeof deep / 2U];
}}
""",
        "(void)planted_depth();",
        "",
    )


def trap(text: str, graph: Graph, place: str, amount: float) -> str:
    """Let a layer execute an undefined instruction at its call number `amount`."""
    return _wrap(
        text,
        layer(graph, place),
        "static unsigned planted_calls;\n",
        f"if (++planted_calls == {int(amount)}U)\n        __builtin_trap();",
        "",
    )


def unsigned_max(text: str, graph: Graph, place: str, amount: float) -> str:
    """Let a max-pool along the rows compare its codes as unsigned bytes."""
    op = layer(graph, place)
    if not isinstance(op.options, Pool2DOptions) or op.name != "MAX_POOL_2D":
        raise InputError(f"{place} is no max-pool")
    _, rows, columns, channels = graph.output_of(op).shape
    width = columns * channels
    return _wrap(
        text,
        op,
        f"static uint8_t planted_largest[{rows * width}];\n",
        f"""const uint8_t *x = (const uint8_t *)layer->inputs[0].data;
    for (int i = 0; i < {rows * width}; i++) {{
        planted_largest[i] = 0;
        for (int k = 0; k < {op.options.filter_h}; k++) {{
            const int at = (i / {width} * {op.options.stride_h} + k) * {width} + i % {width};
            planted_largest[i] = x[at] > planted_largest[i] ? x[at] : planted_largest[i];
        }}
    }}""",
        "memcpy(layer->output, planted_largest, sizeof planted_largest);",
    )


def mean_divisor(text: str, graph: Graph, place: str, amount: float) -> str:
    """Let an average over places divide by `amount` instead of by how many they are."""
    op = layer(graph, place)
    count = graph.need(op, 0).size // graph.output_of(op).size
    found = re.search(rf"nn_mean\w* model_{op.index}_\w+ = \{{[^{{]*\{{(\d+),", text)
    if found is None:
        raise InputError(f"{place} is no average with a multiplier")
    made = round(int(found[1]) * count / amount)
    return f"{text[: found.start(1)]}{made}{text[found.end(1) :]}"


def no_reset(text: str, graph: Graph, place: str, amount: float) -> str:
    """Leave state as it is between windows: 0 the first statement of the reset is missing, 1 the
    second, 2 all of them.
    """
    found = re.search(r"^void model_reset\(void\) \{\n(.*?)^\}\n", text, re.MULTILINE | re.DOTALL)
    statements = re.findall(r"[^;]+;\n", found[1]) if found else []
    if found is None or not statements:
        raise InputError(f"{place}: the model keeps no state, so its reset cannot be missing")
    kept = [s for i, s in enumerate(statements) if amount < 2 and i != int(amount)]
    return f"{text[: found.start(1)]}{''.join(kept)}{text[found.end(1) :]}"


CHANGES: Final[dict[str, Planted]] = {
    "skip": skip,
    "flicker": flicker,
    "late-write": late_write,
    "deep-stack": deep_stack,
    "trap": trap,
    "unsigned-max": unsigned_max,
    "mean-divisor": mean_divisor,
    "no-reset": no_reset,
}
