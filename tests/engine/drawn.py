"""All operators' strategies together: TFLite's name → models of that operator."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.engine import draw_elementwise, draw_moves, draw_windows, strategies

FAMILIES = (strategies, draw_windows, draw_elementwise, draw_moves)

MODELS = {
    name: st.one_of(*(family.MODELS[name] for family in FAMILIES if name in family.MODELS))
    for family in FAMILIES
    for name in family.MODELS
}
