"""Where every activation lives in the one static arena, and whether that fits a board.

A tensor's memory is taken from when it is made until its last reader has run; tensors that are
not needed at the same time share bytes. Operators that only rename memory (`Operator.alias`) put
their output inside their input's bytes; those that read in order write it over what they have read,
where nothing else needs that (`Emitter.leads`). State (an LSTM's) keeps its bytes for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hil.board import Board
from hil.errors import InputError, clean
from pipeline.ir import ABSENT, Graph, Op
from pipeline.ops import OPERATORS
from pipeline.place import ANYWHERE, Block, Key, Moment, aligned, fullest, least_bytes, place

#: Operator index → place of an input → its lead over the output; see `pipeline.place.Leads`.
OpLeads = Mapping[int, Mapping[int, int]]


@dataclass(frozen=True)
class Placed:
    """A block in the arena. kind: "tensor", "state" or "scratch". Layers are those it is needed in.

    first_layer: -1 for what is there before layer 0 runs.
    """

    name: str
    kind: str
    offset: int
    size: int
    first_layer: int
    last_layer: int


@dataclass(frozen=True)
class Plan:
    """Byte offsets into the arena, by tensor index and, for scratch, by operator index."""

    tensors: Mapping[int, int]
    scratch: Mapping[int, int]
    size: int
    #: Operator index → bytes that no arrangement can do without while it runs.
    needs: Mapping[int, int]
    #: What is taken while the fullest operator runs, largest first.
    peak: Moment
    placed: tuple[Placed, ...] = ()


def make_plan(graph: Graph, scratch_bytes: Mapping[int, int], leads: OpLeads | None = None) -> Plan:
    """Place all tensors of a verified graph. scratch_bytes: operator index → bytes it needs."""
    homes = _homes(graph)
    blocks: dict[Key, Block] = {("tensor", i): b for i, b in _tensor_blocks(graph, homes).items()}
    for index, size in scratch_bytes.items():
        name = _named("scratch", graph, graph.ops[index])
        blocks["scratch", index] = Block(name, size, 2 * index, 2 * index + 1)
    over = dict(_overwritten(graph, homes, blocks, leads or {}))
    offsets = place(blocks, over)
    return Plan(
        tensors={i: offsets["tensor", home] + at for i, (home, at) in homes.items()},
        scratch={i: offsets["scratch", i] for i in scratch_bytes},
        size=aligned(max(offsets[key] + block.size for key, block in blocks.items())),
        needs={when // 2: least for when, least in least_bytes(blocks, over).items()},
        peak=fullest(blocks, over),
        placed=tuple(_placed(graph, k, b, offsets[k]) for k, b in blocks.items()),
    )


def _placed(graph: Graph, key: Key, block: Block, offset: int) -> Placed:
    what, index = key
    kind = "state" if what == "tensor" and graph.tensors[index].variable else what
    last = min(block.last // 2, len(graph.ops) - 1)
    return Placed(block.what, kind, offset, block.size, block.first // 2, last)


def _homes(graph: Graph) -> dict[int, tuple[int, int]]:
    """Return tensor → (tensor whose bytes it lives in, offset there)."""
    homes = {graph.inputs[0]: (graph.inputs[0], 0)}
    for op in graph.ops:
        at = OPERATORS[op.name].alias(graph, op)
        target = op.outputs[0]
        if at is None:
            homes[target] = (target, 0)
        else:
            home, before = homes[graph.source_of(op).index]
            homes[target] = (home, before + at)
        homes.update({i: (i, 0) for i in op.inputs if i >= 0 and graph.tensors[i].variable})
    return homes


def _tensor_blocks(graph: Graph, homes: Mapping[int, tuple[int, int]]) -> dict[int, Block]:
    """Return each tensor's block. Operator i reads and writes from 2i until 2i + 1."""
    end = 2 * len(graph.ops)
    spans: dict[int, tuple[int, int]] = {}

    def use(tensor: int, *moments: int) -> None:
        home = homes[tensor][0]
        times = (*moments, *spans.get(home, ()))
        spans[home] = (min(times), max(times))

    use(graph.inputs[0], -1)
    use(graph.outputs[0], end)
    for op in graph.ops:
        start, last = 2 * op.index, 2 * op.index + 1
        for tensor in (i for i in op.inputs if i in homes):
            use(tensor, start, last)
            if graph.tensors[tensor].variable:
                use(tensor, -1, end)
        use(op.outputs[0], start, last)
    names = _names(graph)
    return {i: Block(names[i], graph.tensors[i].size, *span) for i, span in spans.items()}


def _names(graph: Graph) -> dict[int, str]:
    """Return what people call the tensors that live in the arena."""
    names = {graph.inputs[0]: "the model's input"}
    for op in graph.ops:
        states = (i for i in op.inputs if i != ABSENT and graph.tensors[i].variable)
        names |= dict.fromkeys(states, _named("state", graph, op))
        names[op.outputs[0]] = _named("output", graph, op)
    return names


def _named(what: str, graph: Graph, op: Op) -> str:
    return f"{what} of {clean(graph.layer_name(op), 40)}"


def _overwritten(
    graph: Graph,
    homes: Mapping[int, tuple[int, int]],
    blocks: Mapping[Key, Block],
    leads: OpLeads,
) -> Iterator[tuple[tuple[Key, Key], int]]:
    """Yield (input, output) → lead for the inputs that nobody needs after their operator."""
    for op in graph.ops:
        if OPERATORS[op.name].alias(graph, op) is not None:
            continue
        for home, lead in _leads_of(op, homes, leads.get(op.index, {})).items():
            if blocks["tensor", home].last == 2 * op.index + 1:
                yield (("tensor", home), ("tensor", op.outputs[0])), lead


def _leads_of(
    op: Op, homes: Mapping[int, tuple[int, int]], leads: Mapping[int, int]
) -> dict[int, int]:
    """Return the leads of blocks: of an operator's inputs, where all that lie in one have one."""
    found: dict[int, int | None] = {}
    for position, tensor in enumerate(op.inputs):
        if tensor == ABSENT or tensor not in homes:
            continue
        home, at = homes[tensor]
        before, lead = found.get(home, ANYWHERE), leads.get(position)
        known = None if lead is None or before is None else max(before, lead - at)
        found[home] = known
    return {home: lead for home, lead in found.items() if lead is not None}


def check_budget(plan: Plan, constants: int, boards: Sequence[Board], remedy: str) -> None:
    """Raise InputError where a model fits none of the boards: which part, the sum, by how much.

    constants: bytes of weights and tables in flash. The firmware itself needs more; the linker
    has the last word on that.
    """
    reasons = [_too_much(plan, constants, board) for board in boards]
    if not boards or not all(reasons):
        return
    what = "; ".join(f"{b.title}: {why}" for b, why in zip(boards, reasons, strict=True))
    raise InputError(f"the model does not fit {what}; {remedy}")


def _too_much(plan: Plan, constants: int, board: Board) -> str:
    """Return what does not fit a board, "" where everything does."""
    needs = (
        ("arena", plan.size, board.facts.ram_size, f" ({_sum(plan.peak)})"),
        ("weights", constants, board.facts.flash_size, ""),
    )
    return " and ".join(
        f"its {part} needs {need} bytes{where} of {have}, {need - have} too many"
        for part, need, have, where in needs
        if need > have
    )


def _sum(peak: Moment) -> str:
    parts = " + ".join(f"{b.what} {b.size}" for b in peak.taken[:3])
    rest = "" if len(peak.taken) <= 3 else " + …"
    shared = f" − {peak.shared} shared" if peak.shared else ""
    return f"{parts}{rest}{shared}"
