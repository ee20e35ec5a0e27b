"""All operators' strategies together: TFLite's name → models of that operator."""

from __future__ import annotations

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.engine import draw_elementwise, draw_moves, draw_windows, strategies

FAMILIES = (strategies, draw_windows, draw_elementwise, draw_moves)

MODELS = {
    name: st.one_of(*(family.MODELS[name] for family in FAMILIES if name in family.MODELS))
    for family in FAMILIES
    for name in family.MODELS
}


def drawn(operator: str, count: int, *, same: bool = False) -> list[bytes]:
    """Return `count` models as `@given` draws them; `same`: the same ones every time."""
    models: list[bytes] = []

    @settings(max_examples=count, phases=[Phase.generate], database=None, derandomize=same)
    @given(MODELS[operator])
    def collect(model: bytes) -> None:
        models.append(model)

    collect()
    return models
