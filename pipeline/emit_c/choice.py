"""Which kernel computes a layer: the plain one, or a twin that is faster and equal bit for bit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.emit_c import packed_depthwise, packed_lstm, packed_matrix
from pipeline.emit_c.layer import Context, Emitter
from pipeline.emit_c.sparse import SPARSE
from pipeline.ir import Graph, Op
from pipeline.plan import Plan, make_plan

#: Operator → a function that returns the twin's emitter, or says why it cannot compute the layer.
TWINS: Final[dict[str, Callable[[Graph, Op], Emitter | str]]] = {
    **packed_matrix.TWINS,
    **packed_depthwise.TWINS,
    **packed_lstm.TWINS,
}


#: Instructions that are worth less flash, relative to those of the dense kernel.
LESS_FLASH: Final = 1.1


#: Bytes of code that a plain layer takes beyond one on kernels that all layers share.
PLAIN_CODE: Final = 350

#: Goal → the largest arena, in terms of the smallest that holds the tensors alone.
LIMIT: Final = {"speed": 1.3, "size": 1.3, "ram": 1.0}


@dataclass(frozen=True)
class Choice:
    """A layer's emitter. why: for the comment above the layer, "" where there is but one kernel."""

    op: Op
    emitter: Emitter
    why: str


def choose(graph: Graph, op: Op, plain: Emitter) -> Choice:
    """Return the fastest kernel of a layer whose plain emitter is given."""
    return candidates(graph, op, plain)[0]


def candidates(graph: Graph, op: Op, plain: Emitter) -> list[Choice]:
    """Return the kernels that can compute a layer, the fastest first, the plain one last."""
    if op.name not in TWINS:
        return [Choice(op, plain, "")]
    twin = TWINS[op.name](graph, op)
    if isinstance(twin, str):
        dense = [Choice(op, plain, f"plain: {twin}")]
    else:
        dense = [Choice(op, twin, twin.note), Choice(op, plain, "plain: least memory")]
    if op.name not in SPARSE:
        return dense
    first = _sparse(graph, op, dense[0])
    return [first, *(dense if first.emitter is not dense[0].emitter else dense[1:])]


def choose_all(graph: Graph, plain: Mapping[str, Emitter], goal: str) -> list[Choice]:
    """Return the kernels of all layers, in their order.

    goal "speed" and "ram": the fastest of each; "size": the one with the fewest bytes of flash.
    Then layers that need most memory are given kernels with less scratch, until the arena is within
    LIMIT of the smallest that could hold the tensors alone, or nothing is left to give.
    """
    options = [candidates(graph, op, plain[op.name]) for op in graph.ops]
    if goal == "size":
        options = [sorted(choices, key=lambda c: _flash(graph, c, plain)) for choices in options]
    least = make_plan(graph, {}).size
    while plan_of(graph, [choices[0] for choices in options]).size > LIMIT[goal] * least:
        smaller = {
            i: rest
            for i, choices in enumerate(options)
            if (rest := [c for c in choices if _scratch(graph, c) < _scratch(graph, choices[0])])
        }
        if not smaller:
            break
        fullest = max(smaller, key=lambda i: _need(graph, options[i][0]))
        options[fullest] = smaller[fullest]
    return [choices[0] for choices in options]


def plan_of(graph: Graph, choices: list[Choice]) -> Plan:
    """Return the arena's plan for a kernel per layer."""
    scratch = {c.op.index: size for c in choices if (size := _scratch(graph, c))}
    return make_plan(graph, scratch, {c.op.index for c in choices if c.emitter.consumes})


def _scratch(graph: Graph, choice: Choice) -> int:
    return choice.emitter.scratch(graph, choice.op)


def _need(graph: Graph, choice: Choice) -> int:
    """Return the bytes that are taken while a layer runs, as far as it has to do with them."""
    inputs = sum(tensor.size for tensor in graph.activations(choice.op))
    output, scratch = graph.output_of(choice.op).size, _scratch(graph, choice)
    return scratch + (max(inputs, output) if choice.emitter.consumes else inputs + output)


def _flash(graph: Graph, choice: Choice, plain: Mapping[str, Emitter]) -> int:
    """Return a layer's bytes of constants, and what its own copy of a plain kernel adds to them."""
    nowhere = Plan(defaultdict(int), defaultdict(int), 0, ())
    constants = choice.emitter.code(Context(graph, "m", nowhere), choice.op).constant_bytes
    return constants + (PLAIN_CODE if choice.emitter is plain[choice.op.name] else 0)


def _sparse(graph: Graph, op: Op, dense: Choice) -> Choice:
    """Return the sparse kernel where it takes fewer instructions, or as few and less flash."""
    emitter_of, costs_of = SPARSE[op.name]
    with_all, nonzero = costs_of(graph, op)
    counted = (
        f"{with_all.instructions} instructions and {with_all.flash} bytes of weights estimated "
        f"dense, {nonzero.instructions} and {nonzero.flash} sparse"
    )
    pays = nonzero.instructions <= LESS_FLASH * with_all.instructions
    smaller = nonzero.flash < with_all.flash
    if nonzero.instructions >= with_all.instructions and not (pays and smaller):
        return Choice(op, dense.emitter, f"{dense.why}\n *        {counted}")
    sparse = emitter_of(graph, op)
    if isinstance(sparse, str):
        return Choice(op, dense.emitter, f"{dense.why}; not sparse: {sparse}")
    return Choice(op, sparse, f"sparse: {counted}")
