"""Each goal of --optimize is met by no other one better: flash, arena and executed instructions."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import InputError
from pipeline.emit_c import Source, generate
from pipeline.emit_c.choice import GOALS, choose_all, plan_of
from pipeline.emit_c.flash import Flash
from pipeline.emit_c.model import EMITTERS
from pipeline.ir import Graph
from pipeline.tflite import parse_tflite
from pipeline.verify import read_verified, verify
from tests.engine.drawn import MODELS
from tests.fuzz.structures import random_graph

pytest.importorskip("unicorn", reason="the emulator extra is not installed")

from benchmarks.engine import measure
from tests.engine.test_ceilings import CEILINGS, model_of

#: Operators with more than one kernel.
SEVERAL = ["ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MEAN",
           "UNIDIRECTIONAL_SEQUENCE_LSTM"]  # fmt: skip


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)
@pytest.mark.slow
@pytest.mark.parametrize("title", [title for title in CEILINGS if title != "full"])
def test_no_goal_is_met_better_by_another_one(title: str) -> None:
    """As the compiled code has it, flash with the code of the kernels."""
    path = model_of(title).path
    flash, arena, instructions = {}, {}, {}
    for goal in GOALS:
        measured = measure(path, goal)
        flash[goal], arena[goal] = measured.flash, measured.arena
        instructions[goal] = measured.total().instructions
    assert flash["size"] == min(flash.values()), flash
    assert arena["ram"] == min(arena.values()), arena
    assert instructions["speed"] == min(instructions.values()), instructions


def check(graph: Graph) -> None:
    flash, chosen = Flash(graph), {g: choose_all(graph, EMITTERS, g) for g in GOALS}
    bytes_of = {g: flash.of_model([(c.op, c.emitter) for c in v]) for g, v in chosen.items()}
    arena = {g: plan_of(graph, v).size for g, v in chosen.items()}
    assert bytes_of["size"] == min(bytes_of.values()), bytes_of
    assert arena["ram"] == min(arena.values()), arena


@settings(max_examples=15)
@given(st.sampled_from(SEVERAL).flatmap(MODELS.__getitem__))
def test_of_drawn_layers(model: bytes) -> None:
    """By the emitter's own estimate of the code: it has no compiler."""
    graph = parse_tflite(model, "drawn")
    verify(graph, "drawn")
    check(graph)


def test_of_graphs_made_at_random() -> None:
    """Several layers share memory and code."""
    checked = 0
    for seed in range(20):
        try:
            graph = parse_tflite(random_graph(seed), "random")
            verify(graph, "random")
        except InputError:
            continue
        if len(graph.ops) <= 30:
            check(graph)
            checked += 1
    assert checked > 3


def test_the_least_flash_counts_what_is_emitted() -> None:
    """The constants of the estimate are those of the C."""
    for title in ("dense", "cnn", "lstm"):
        graph = read_verified(model_of(title).path)
        code = generate(Source(graph), "m", "size")
        chosen = choose_all(graph, EMITTERS, "size")
        flash = Flash(graph).of_model([(c.op, c.emitter) for c in chosen])
        assert code.constant_bytes < flash < code.constant_bytes + 6000
