"""Which kernel computes a layer: the plain one, or a twin that is faster and equal bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pipeline.emit_c import (
    elementwise,
    packed_depthwise,
    packed_lstm,
    packed_matrix,
    pairs,
    pool,
    reduce,
    sparse_conv,
    sparse_fully_connected,
)
from pipeline.emit_c.dense_cost import dense_cost
from pipeline.emit_c.flash import CODE, Flash
from pipeline.emit_c.layer import Emitter
from pipeline.emit_c.sparse import Cost
from pipeline.ir import Graph, Op
from pipeline.plan import Plan, make_plan

#: Operator → a function that returns the twin's emitter, or says why it cannot compute the layer.
TWINS: Final[dict[str, Callable[[Graph, Op], Emitter | str]]] = {
    **packed_matrix.TWINS,
    **packed_depthwise.TWINS,
    **packed_lstm.TWINS,
    **pool.TWINS,
    **elementwise.TWINS,
    **reduce.TWINS,
}

#: A kernel for pruned layers and its cost, fastest first; or why there is none.
Variants = list[tuple[Emitter, Cost]] | str

#: Operator → its kernels for single weights and for pairs of them.
PRUNED: Final[dict[str, dict[str, Callable[[Graph, Op], Variants]]]] = {
    "CONV_2D": {"sparse": sparse_conv.variants, "in pairs": pairs.VARIANTS["CONV_2D"]},
    "FULLY_CONNECTED": {
        "sparse": sparse_fully_connected.variants,
        "in pairs": pairs.VARIANTS["FULLY_CONNECTED"],
    },
}
#: Instructions that are worth less flash, relative to those of the fastest kernel.
LESS_FLASH: Final = 1.1


#: Layers that share a kernel, where its code is next to nothing for each.
MANY: Final = 20

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
    rivals = _rivals(graph, op, full_kernels(graph, op, plain))
    return rivals.choices({rivals.fastest})


def full_kernels(graph: Graph, op: Op, plain: Emitter) -> list[Choice]:
    """Return the kernels that compute with all weights of a layer, the plain one last."""
    if op.name not in TWINS:
        return [Choice(op, plain, "")]
    twin = TWINS[op.name](graph, op)
    if isinstance(twin, str):
        return [Choice(op, plain, f"plain: {twin}")]
    return [Choice(op, twin, twin.note), Choice(op, plain, "plain: least memory")]


def choose_all(graph: Graph, plain: Mapping[str, Emitter], goal: str) -> list[Choice]:
    """Return the kernels of all layers, in their order.

    goal "speed": the fastest of each, as far as the arena stays within LIMIT of the smallest that
    holds the tensors side by side. "ram": the fastest with which the arena is no larger than with
    those that need the least memory. "size": the fewest bytes of flash. Where layers share memory
    and code, what is best for each is not always best for all: what the other goals give is looked
    at too, so that no goal is missed by more than another one misses it.
    """
    rivals = [_rivals(graph, op, full_kernels(graph, op, plain[op.name])) for op in graph.ops]
    needed = {each.fastest for each in rivals}
    options = [each.choices(needed) for each in rivals]
    speed = _fastest(graph, options, "speed")
    if goal == "speed":
        return speed
    ram = _fastest(graph, options, "ram")
    if goal == "ram":
        return min(ram, speed, key=lambda chosen: plan_of(graph, chosen).size)
    return _least_flash(graph, options, [speed, ram])


def _least_flash(
    graph: Graph, options: list[list[Choice]], others: list[list[Choice]]
) -> list[Choice]:
    """Return the layers with the fewest bytes of flash: each by itself, together, or as another."""
    flash = Flash(graph)
    alone = [sorted(choices, key=lambda c: flash.of_layer(c.op, c.emitter)) for choices in options]
    beside = [
        sorted(choices, key=lambda c: flash.of_model([(c.op, c.emitter)] * MANY) / MANY)
        for choices in options
    ]
    found = [_fastest(graph, alone, "size"), _fastest(graph, beside, "size"), *others]
    return min(found, key=lambda layers: flash.of_model([(c.op, c.emitter) for c in layers]))


def _fastest(graph: Graph, options: list[list[Choice]], goal: str) -> list[Choice]:
    """Return the first choice of each layer with which the arena is as small as the goal wants."""
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


@dataclass(frozen=True)
class Rivals:
    """A layer's kernels by form, "dense" the last, and the costs of each form's fastest one.

    refused: the forms that cannot compute it, and why. No costs where there is nothing to choose.
    """

    kernels: dict[str, list[Choice]]
    costs: dict[str, Cost]
    refused: dict[str, str]

    @property
    def fastest(self) -> str:
        """Return the header of the fastest kernel."""
        best = min(self.costs, key=lambda form: self.costs[form].instructions, default="dense")
        return self._header(best)

    def _header(self, form: str) -> str:
        return self.kernels[form][0].emitter.header or ""

    def choices(self, needed: Set[str]) -> list[Choice]:
        """Return the kernels, the best form's first and the dense ones last.

        Best is the least flash of those that take about as few instructions as the fastest. needed:
        headers whose code the model has anyway; that of another one counts.
        """
        if not self.costs:
            return self.kernels["dense"]
        enough = LESS_FLASH * min(cost.instructions for cost in self.costs.values())
        fast = [form for form, cost in self.costs.items() if cost.instructions <= enough]
        best = min(
            fast, key=lambda form: (self._flash(form, needed), self.costs[form].instructions)
        )
        return self._said(best)

    def _flash(self, form: str, needed: Set[str]) -> int:
        header = self._header(form)
        return self.costs[form].flash + (0 if header in needed else CODE[header].once)

    def _said(self, best: str) -> list[Choice]:
        counted = "instructions and bytes of weights, estimated: " + ", ".join(
            f"{cost.instructions} and {cost.flash} {form}" for form, cost in self.costs.items()
        )
        dense = self.kernels["dense"]
        if best == "dense":
            why_not = "".join(f"; not {form}: {why}" for form, why in self.refused.items())
            why = f"{dense[0].why}{why_not}\n *        {counted}"
            return [replace(dense[0], why=why), *dense[1:]]
        why = f"{best};\n *        {counted}"
        return [*(replace(choice, why=why) for choice in self.kernels[best]), *dense]


def _rivals(graph: Graph, op: Op, dense: list[Choice]) -> Rivals:
    """Return what can compute a layer; dense: the kernels that take all weights."""
    if op.name not in PRUNED:
        return Rivals({"dense": dense}, {}, {})
    found = {form: of(graph, op) for form, of in PRUNED[op.name].items()}
    usable = {form: v for form, v in found.items() if not isinstance(v, str)}
    return Rivals(
        {**{form: [Choice(op, e, "") for e, _ in v] for form, v in usable.items()}, "dense": dense},
        {**{form: v[0][1] for form, v in usable.items()},
         "dense": dense_cost(graph, op, dense[0].emitter)},
        {form: v for form, v in found.items() if isinstance(v, str)},
    )  # fmt: skip
