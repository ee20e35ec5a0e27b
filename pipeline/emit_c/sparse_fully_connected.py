"""FULLY_CONNECTED of pruned layers in C: nonzero weights only."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.packed_matrix import ROW_BYTES, finish_rows, scale_array, scales_of
from pipeline.emit_c.packing import LOW_LIMIT, largest_sums, shifts_fit
from pipeline.emit_c.sparse import Cost, Taps, stream_array, taps_by_places
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Graph, Op

#: Inputs whose place a byte tells.
PART: Final = 256
#: Instructions of a row's code.
CODES: Final = {"NN_FINISH_FLOOR": 1, "NN_FINISH_FULL": 8, "NN_FINISH_CLAMP": 15}


def _weights(graph: Graph, op: Op) -> NDArray[np.int64]:
    weights = graph.need(op, 1).data
    assert weights is not None
    return weights.astype(np.int64)


def _taps(graph: Graph, op: Op) -> Taps:
    return taps_by_places(_weights(graph, op), PART)


def _code(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    scales, taps = scales_of(graph, op), _taps(graph, op)
    rows, depth = graph.need(op, 1).shape
    layer = struct(
        "nn_fully_connected_sparse",
        symbol,
        [
            (numbers(graph.output_of(op).elements // rows, depth, rows), "batch, depth, rows"),
            (numbers(-(-depth // PART)), f"parts of {PART} inputs"),
            *finish_rows(scales),
        ],
    )
    shape = shape_text((rows, depth))
    comment = f"nonzero weights of {shape}: place in its part, weight (nn_sparse.h)"
    constants = (
        stream_array(f"{symbol}_weights", taps, comment)
        + array("uint8_t", f"{symbol}_counts", np.array(taps.first_and_rounds),
                "per row and part: taps beyond rounds, rounds")
        + array("int32_t", f"{symbol}_start", scales.bias, "what sums start from")
        + scale_array(f"{symbol}_scale", scales)
    )  # fmt: skip
    call = (
        f"nn_fully_connected_sparse(&{symbol}, {context.source(op)}, {symbol}_weights,\n"
        f"                              {symbol}_counts, {symbol}_start, {symbol}_scale, "
        f"{context.target(op)});"
    )
    return LayerCode(constants + layer, call, taps.bytes + ROW_BYTES * len(scales.bias))


def variants(graph: Graph, op: Op) -> list[tuple[Emitter, Cost]] | str:
    """Return the sparse emitter of a FULLY_CONNECTED, or why it cannot be computed.

    Cost, as in dense_cost.py: 4.2 a tap, 17 a part, and the codes of each row.
    """
    scales, weights, taps = scales_of(graph, op), _weights(graph, op), _taps(graph, op)
    if not shifts_fit(scales.shift):
        return "a multiplier of 1/2 or more, or none"
    if int(largest_sums(weights, scales.bias).max()) > LOW_LIMIT:
        return "sums too large to double"
    if reason := taps.why_not():
        return reason
    batch = graph.output_of(op).elements // len(weights)
    codes = CODES[scales.finish] * len(weights)
    instructions = 4.2 * len(taps.stream) + 17 * len(taps.counts) + codes
    emitter = Emitter("nn_fully_connected_sparse.h", _code)
    return [(emitter, Cost(round(batch * instructions), taps.bytes))]
