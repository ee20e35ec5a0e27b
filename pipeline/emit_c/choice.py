"""Which kernel computes a layer: the plain one, or a twin that is faster and equal bit for bit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline.emit_c import packed_depthwise, packed_lstm, packed_matrix
from pipeline.emit_c.layer import Context, Emitter
from pipeline.emit_c.pairs import PAIRS
from pipeline.emit_c.sparse import SPARSE
from pipeline.ir import Graph, Op
from pipeline.place import Moment
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

#: What kernels are chosen for.
GOALS: Final = ("ram", "size", "speed")

#: Goal → the largest arena, in terms of the smallest that holds the tensors alone, side by side.
LIMIT: Final = {"speed": 1.3, "size": 1.3}

#: Layers changed only because memory fits together badly.
MOVES: Final = 8


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

    goal "speed": the fastest of each, "size": those with the fewest bytes of flash, as far as the
    arena stays within LIMIT of the smallest that holds the tensors side by side. "ram": the
    fastest with which the arena is no larger than with those that need the least memory.
    """
    options = [candidates(graph, op, plain[op.name]) for op in graph.ops]
    if goal == "size":
        options = [sorted(choices, key=lambda c: _flash(graph, c, plain)) for choices in options]
    smallest = plan_of(graph, [min(c, key=lambda c: _scratch(graph, c)) for c in options]).size
    if goal == "ram":
        return _within(graph, options, smallest)
    return _within(graph, options, max(smallest, int(LIMIT[goal] * make_plan(graph, {}).size)))


def _within(graph: Graph, options: list[list[Choice]], limit: int) -> list[Choice]:
    """Return the first choice of each layer, or a later one where else the arena is over a limit.

    Layers that need more than the limit by themselves must change. Where none does, pieces of
    memory fit together badly: then some of the fullest are changed, and back where it did not help.
    """
    chosen = [choices[0] for choices in options]
    moved: list[tuple[int, Choice]] = []
    while (plan := plan_of(graph, chosen)).size > limit and len(moved) < MOVES:
        less = {i: c for i, c in enumerate(map(partial(_less, graph), options, chosen)) if c}
        over = [i for i in less if plan.needs.get(i, 0) > limit]
        if not over:
            if not less:
                break
            over = [max(less, key=lambda i: plan.needs.get(i, 0))]
            moved.append((over[0], chosen[over[0]]))
        for i in over:
            chosen[i] = less[i]
    for i, before in reversed(moved):
        back = [*chosen[:i], before, *chosen[i + 1 :]]
        chosen = back if plan_of(graph, back).size <= max(limit, plan.size) else chosen
    return chosen


def _less(graph: Graph, choices: list[Choice], chosen: Choice) -> Choice | None:
    """Return the first choice with less scratch than the one that is chosen."""
    return next((c for c in choices if _scratch(graph, c) < _scratch(graph, chosen)), None)


def plan_of(graph: Graph, choices: list[Choice]) -> Plan:
    """Return the arena's plan for a kernel per layer."""
    scratch = {c.op.index: size for c in choices if (size := _scratch(graph, c))}
    return make_plan(graph, scratch, {c.op.index: c.emitter.leads(graph, c.op) for c in choices})


def _scratch(graph: Graph, choice: Choice) -> int:
    return choice.emitter.scratch(graph, choice.op)


def _flash(graph: Graph, choice: Choice, plain: Mapping[str, Emitter]) -> int:
    """Return a layer's bytes of constants, and what its own copy of a plain kernel adds to them."""
    nowhere = Plan(defaultdict(int), defaultdict(int), 0, {}, Moment(0, (), 0))
    constants = choice.emitter.code(Context(graph, "m", nowhere), choice.op).constant_bytes
    return constants + (PLAIN_CODE if choice.emitter is plain[choice.op.name] else 0)


def _sparse(graph: Graph, op: Op, dense: Choice) -> Choice:
    """Return a kernel for pruned layers where it takes fewer instructions, or little flash.

    For single weights or for pairs: that with fewer instructions, then with less flash.
    """
    sparse_of, costs_of = SPARSE[op.name]
    pairs_of, pairs_cost = PAIRS[op.name]
    with_all, nonzero = costs_of(graph, op)
    costs = {"sparse": nonzero}
    if (in_pairs := pairs_cost(graph, op)) is not None:
        costs["in pairs"] = in_pairs
    form = min(costs, key=lambda f: (costs[f].instructions, costs[f].flash))
    others = [f"{cost.instructions} and {cost.flash} {name}" for name, cost in costs.items()]
    counted = (
        f"{with_all.instructions} instructions and {with_all.flash} bytes of weights estimated "
        f"dense,\n *        {', '.join(others)}"
    )
    pays = costs[form].instructions <= LESS_FLASH * with_all.instructions
    smaller = costs[form].flash < with_all.flash
    if costs[form].instructions >= with_all.instructions and not (pays and smaller):
        return Choice(op, dense.emitter, f"{dense.why}\n *        {counted}")
    emitter = (pairs_of if form == "in pairs" else sparse_of)(graph, op)
    if isinstance(emitter, str):
        return Choice(op, dense.emitter, f"{dense.why}; not {form}: {emitter}")
    return Choice(op, emitter, f"{form}: {counted}")
