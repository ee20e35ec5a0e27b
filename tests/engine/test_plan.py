"""The arena: no two things that live at the same time share a byte that both need."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.board import PROJECT_DIR, Board, load_board
from hil.errors import InputError
from pipeline.emit_c import Source, generate
from pipeline.emit_c.arena import arena_of
from pipeline.emit_c.choice import GOALS, Choice, choose_all
from pipeline.emit_c.model import EMITTERS
from pipeline.emit_c.overlap import even_lead, lead
from pipeline.ir import Graph
from pipeline.ops import OPERATORS
from pipeline.place import ALIGNMENT, ANYWHERE, Block, Key, Moment, fullest, least_bytes, place
from pipeline.plan import Plan, check_budget, make_plan
from pipeline.tflite import parse_tflite
from pipeline.verify import read_verified, verify
from tests.engine.build_model import Builder, options

MODELS = PROJECT_DIR / "test_vectors" / "models"
ARCHS = ["cnn", "lstm", "dense"]

blocks = st.builds(
    lambda size, first, length: Block("b", size, first, first + length),
    st.integers(1, 100), st.integers(-1, 8), st.integers(0, 4),
)  # fmt: skip
#: Two blocks by their places in a list, and a lead of the first over the second.
drawn_leads = st.tuples(
    st.integers(0, 11), st.integers(0, 11), st.one_of(st.just(ANYWHERE), st.integers(-60, 120))
)


def named(drawn: list[Block]) -> dict[Key, Block]:
    return {("tensor", i): block for i, block in enumerate(drawn)}


def leads_of(drawn: list[tuple[int, int, int]], count: int) -> dict[tuple[Key, Key], int]:
    """Leads between different blocks; each pair in one direction only."""
    found: dict[tuple[Key, Key], int] = {}
    for source, target, value in drawn:
        if source < target < count:
            found[("tensor", source), ("tensor", target)] = value
    return found


@given(st.lists(blocks, max_size=12), st.lists(drawn_leads, max_size=6))
def test_blocks_that_live_together_lie_apart_or_as_far_as_they_must(
    drawn: list[Block], pairs: list[tuple[int, int, int]]
) -> None:
    taken, leads = named(drawn), leads_of(pairs, len(drawn))
    offsets = place(taken, leads)
    for key, block in taken.items():
        assert offsets[key] % ALIGNMENT == 0
        for other_key, other in taken.items():
            together = block.first <= other.last and other.first <= block.last
            if not (key < other_key and together):
                continue
            start, end = offsets[key], offsets[key] + block.size
            apart = end <= offsets[other_key] or offsets[other_key] + other.size <= start
            before = leads.get((key, other_key))
            assert apart or (before is not None and start - offsets[other_key] >= before)


@given(st.lists(blocks, min_size=1, max_size=8), st.lists(drawn_leads, max_size=3))
def test_no_moment_can_do_with_less_than_is_said(
    drawn: list[Block], pairs: list[tuple[int, int, int]]
) -> None:
    taken, leads = named(drawn), leads_of(pairs, len(drawn))
    offsets = place(taken, leads)
    end = max(offsets[key] + block.size for key, block in taken.items())
    assert max(least_bytes(taken, leads).values()) <= end
    assert fullest(taken, leads).least == max(least_bytes(taken, leads).values())


def clobbers(first: list[int], piece: int, together: int, ahead: int) -> bool:
    """Make pieces in order, the output `ahead` bytes before the input; is any byte read too late?

    Piece i reads the input from first[i] on. together: see `lead`.
    """
    written: list[int] = []  # places in the input of all bytes written so far
    for i in range(len(first)):
        group = (
            range(i - i % together, min(i - i % together + together, len(first)))
            if together
            else []
        )
        written += [j * piece + k - ahead for j in group for k in range(piece)]
        if any(place >= first[i] for place in written):
            return True
        written += [i * piece + k - ahead for k in range(piece)]
    return False


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 8), st.integers(0, 3))
def test_a_lead_is_as_large_as_it_must_be_and_no_larger(
    first: list[int], piece: int, together: int
) -> None:
    least = lead(np.array(first), piece, together)
    if least != ANYWHERE:
        assert not clobbers(first, piece, together, least)
        assert clobbers(first, piece, together, least - 1)
    else:
        assert len(first) == 1
        assert not clobbers(first, piece, together, -1000)


def chosen_of(arch: str, goal: str) -> tuple[Graph, list[Choice], Plan]:
    graph = read_verified(MODELS / arch / "int8.tflite")
    return graph, choose_all(graph, EMITTERS, goal), generate(Source(graph), "m", goal).plan


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("arch", ARCHS)
def test_no_operator_overwrites_what_it_or_a_later_one_reads(arch: str, goal: str) -> None:
    """Write every layer's bytes in order and ask who last wrote those that are read.

    It knows nothing of how the plan was made; what a kernel may overwrite of its own input while it
    runs is looked at in test_overlap.py.
    """
    graph, choices, plan = chosen_of(arch, goal)
    owner: list[str] = [""] * plan.size
    first = graph.tensors[graph.inputs[0]]
    renamed = {first.index: str(first.index)}

    def own(what: str, at: int, size: int) -> None:
        assert at + size <= plan.size
        owner[at : at + size] = [what] * size

    states = {i for op in graph.ops for i in op.inputs if i >= 0 and graph.tensors[i].variable}
    for index in (first.index, *states):
        own(str(index), plan.tensors[index], graph.tensors[index].size)
    for op, choice in zip(graph.ops, choices, strict=True):
        target = graph.output_of(op)
        for source in (*graph.activations(op), *(graph.tensors[i] for i in states)):
            at = plan.tensors[source.index]
            assert set(owner[at : at + source.size]) == {
                renamed.get(source.index, str(source.index))
            }
        if OPERATORS[op.name].alias(graph, op) is not None:
            renamed[target.index] = renamed[graph.source_of(op).index]
            continue
        sources = [(plan.tensors[t.index], t.size) for t in graph.activations(op)]
        scratch = plan.scratch.get(op.index, 0), choice.emitter.scratch(graph, op)
        written = [scratch, (plan.tensors[target.index], target.size)]
        own("scratch", *scratch)
        for at, size in [*sources, written[1]]:  # scratch lies beside what is read and written
            assert at + size <= scratch[0] or sum(scratch) <= at or not scratch[1]
        own(str(target.index), *written[1])
        renamed[target.index] = str(target.index)
    last = graph.tensors[graph.outputs[0]]
    at = plan.tensors[last.index]
    assert set(owner[at : at + last.size]) == {renamed[last.index]}


def test_a_chain_of_in_place_operators_takes_the_room_of_one_tensor() -> None:
    builder = Builder()
    tensors = [builder.tensor((1, 100), scale=0.1) for _ in range(4)]
    builder.op("LOGISTIC", [tensors[0]], [tensors[1]])
    builder.tensors[tensors[1]].quantization.scale = [1 / 256]
    builder.tensors[tensors[1]].quantization.zeroPoint = [-128]
    builder.op("ADD", [tensors[1], tensors[1]], [tensors[2]], options("AddOptions"))
    builder.op("RELU", [tensors[2]], [tensors[3]])
    graph = parse_tflite(builder.finish([tensors[0]], [tensors[3]]), "chain")
    verify(graph, "chain")
    assert generate(Source(graph), "m").plan.size == 100
    assert make_plan(graph, {}).size == 200


def test_arena_is_smaller_than_the_tensors_side_by_side() -> None:
    for arch in ARCHS:
        graph, _, plan = chosen_of(arch, "ram")
        assert plan.size <= make_plan(graph, {}).size
        assert plan.peak.least <= plan.size


def test_the_plan_names_every_block_with_its_place_and_layers() -> None:
    graph = read_verified(MODELS / "lstm" / "int8.tflite")
    plan = generate(Source(graph), "m").plan
    kinds = [block.kind for block in plan.placed]
    assert (kinds.count("state"), kinds.count("scratch")) == (2, 1)
    assert max(b.offset + b.size for b in plan.placed) <= plan.size
    (source,) = (b for b in plan.placed if b.first_layer == -1 and b.kind == "tensor")
    assert (source.size, source.offset) == (300, plan.tensors[graph.inputs[0]])
    assert all(b.last_layer == len(graph.ops) - 1 for b in plan.placed if b.kind == "state")


def test_the_arena_as_data_is_the_plan_of_the_c() -> None:
    path = MODELS / "cnn" / "int8.tflite"
    arena, code = arena_of(path, "ram"), generate(Source(read_verified(path)), "m", "ram")
    assert (arena.size, arena.blocks) == (code.plan.size, code.plan.placed)
    assert arena.layers[1:3] == ("conv1", "pool1")
    assert arena.kernels[0] == ""
    assert arena.kernels[1].startswith("nn_conv_2d")


def with_memory(ram: int, flash: int) -> Board:
    board = load_board("nano33")
    facts = dataclasses.replace(board.facts, ram_size=ram, flash_size=flash)
    return dataclasses.replace(board, facts=facts)


def test_budget_says_which_part_and_by_how_much() -> None:
    graph, _, plan = chosen_of("cnn", "speed")
    code = generate(Source(graph), "m")
    check_budget(plan, code.constant_bytes, [load_board("nano33")], "")
    small, tiny = with_memory(plan.size - 5, 2**20), with_memory(plan.size - 6, 100)
    with pytest.raises(InputError) as refused:
        check_budget(plan, 0, [small], "use another")
    said = str(refused.value)
    assert f"arena needs {plan.size} bytes" in said
    assert "5 too many" in said
    assert "(output of conv" in said
    assert said.endswith("; use another")
    with pytest.raises(InputError, match=f"weights needs {code.constant_bytes} bytes of 100"):
        check_budget(plan, code.constant_bytes, [tiny], "")


def test_a_model_must_fit_one_of_the_boards_and_is_told_of_all() -> None:
    _, _, plan = chosen_of("cnn", "speed")
    small, tiny = with_memory(plan.size - 5, 2**20), with_memory(plan.size - 6, 2**20)
    check_budget(plan, 0, [small, with_memory(plan.size, 2**20)], "")
    check_budget(plan, 0, [], "")
    with pytest.raises(InputError, match=r"5 too many; .* 6 too many"):
        check_budget(plan, 0, [small, tiny], "")


def sum_of(peak: Moment) -> int:
    return sum(block.size for block in peak.taken) - peak.shared


def test_the_sum_that_is_told_is_the_least_that_is_needed() -> None:
    for arch in ARCHS:
        _, _, plan = chosen_of(arch, "ram")
        assert sum_of(plan.peak) == plan.peak.least <= plan.size


@given(st.integers(1, 40), st.integers(0, 8), st.integers(1, 8))
def test_pieces_at_even_steps_have_the_lead_of_any(count: int, step: int, piece: int) -> None:
    assert even_lead(count, step, piece) == lead(np.arange(count) * step, piece)
