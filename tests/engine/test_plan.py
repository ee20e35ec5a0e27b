"""The arena: no two things that live at the same time share a byte."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.board import PROJECT_DIR, Board, load_board
from hil.errors import InputError
from pipeline.emit_c import Source, generate
from pipeline.emit_c.choice import choose
from pipeline.emit_c.model import EMITTERS
from pipeline.ir import Graph
from pipeline.plan import ALIGNMENT, Block, Plan, _place, check_budget
from pipeline.verify import read_verified

SCRATCH = -2

MODELS = PROJECT_DIR / "test_vectors" / "models"

blocks = st.builds(
    lambda size, first, length: Block("b", size, first, first + length),
    st.integers(1, 100), st.integers(-1, 8), st.integers(0, 4),
)  # fmt: skip


@given(st.lists(blocks, max_size=12))
def test_blocks_that_live_together_lie_apart(drawn: list[Block]) -> None:
    named = {("tensor", i): block for i, block in enumerate(drawn)}
    offsets = _place(named)
    for key, block in named.items():
        assert offsets[key] % ALIGNMENT == 0
        for other_key, other in named.items():
            together = block.first <= other.last and other.first <= block.last
            if key < other_key and together:
                start, end = offsets[key], offsets[key] + block.size
                assert end <= offsets[other_key] or offsets[other_key] + other.size <= start


def plan_of(arch: str) -> tuple[Graph, Plan]:
    graph = read_verified(MODELS / arch / "int8.tflite")
    return graph, generate(Source(graph), "m").plan


@pytest.mark.parametrize("arch", ["cnn", "lstm", "dense"])
def test_no_operator_overwrites_what_it_or_a_later_one_reads(arch: str) -> None:
    """Writes every layer's bytes in order and asks who last wrote those that are read."""
    graph, plan = plan_of(arch)
    first = graph.tensors[graph.inputs[0]]
    owner: list[int | None] = [None] * plan.size
    start = plan.tensors[first.index]
    owner[start : start + first.size] = [first.index] * first.size
    renamed = {first.index: first.index}
    for op in graph.ops:
        source, target = graph.need(op, 0), graph.output_of(op)
        at = plan.tensors[source.index]
        assert set(owner[at : at + source.size]) == {renamed[source.index]}
        if op.name in ("RESHAPE", "STRIDED_SLICE"):
            renamed[target.index] = renamed[source.index]
            continue
        emitter = choose(graph, op, EMITTERS[op.name]).emitter
        size, scratch = emitter.scratch(graph, op), plan.scratch.get(op.index, 0)
        owner[scratch : scratch + size] = [SCRATCH] * size
        if emitter.consumes:  # all is read before the output is written
            assert set(owner[at : at + source.size]) == {renamed[source.index]}
        into = plan.tensors[target.index]
        owner[into : into + target.size] = [target.index] * target.size
        assert set(owner[scratch : scratch + size]) <= {SCRATCH}
        if not emitter.consumes:
            assert set(owner[at : at + source.size]) == {renamed[source.index]}
        renamed[target.index] = target.index


def test_arena_is_no_larger_than_its_fullest_moment_needs() -> None:
    """What must be there at once, rounded up per piece: no scheme can do with less."""
    for arch in ("cnn", "lstm", "dense"):
        _, plan = plan_of(arch)
        least = sum(size for _, size in plan.peak)
        assert least <= plan.size <= least + ALIGNMENT * len(plan.peak)


def with_memory(ram: int, flash: int) -> Board:
    board = load_board("nano33")
    facts = dataclasses.replace(board.facts, ram_size=ram, flash_size=flash)
    return dataclasses.replace(board, facts=facts)


def test_budget_says_which_part_and_by_how_much() -> None:
    graph, plan = plan_of("cnn")
    code = generate(Source(graph), "m")
    check_budget(plan, code.constant_bytes, load_board("nano33"))
    with pytest.raises(InputError) as refused:
        check_budget(plan, 0, with_memory(plan.size - 5, 2**20))
    said = str(refused.value)
    assert f"arena needs {plan.size} bytes" in said
    assert "5 too many" in said
    assert "tensor 14" in said
    with pytest.raises(InputError, match=f"weights needs {code.constant_bytes} bytes of 100"):
        check_budget(plan, code.constant_bytes, with_memory(2**20, 100))
