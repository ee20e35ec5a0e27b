"""All operators' strategies together: TFLite's name → models of that operator."""

from __future__ import annotations

from tests.engine import draw_elementwise, draw_windows, strategies

MODELS = strategies.MODELS | draw_windows.MODELS | draw_elementwise.MODELS
