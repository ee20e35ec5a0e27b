"""RESHAPE, SQUEEZE and EXPAND_DIMS in C: nothing to run.

Their output lies in their input's bytes (pipeline/plan.py). They stay in the layer table all the
same, so that the table has the operators of the .tflite one for one.
"""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode
from pipeline.ir import Op
from pipeline.ops.shape import INPUTS


def nothing(_context: Context, _op: Op) -> LayerCode:
    """Return a layer that runs nothing."""
    return LayerCode("", "/* the output lies in the input's bytes */", 0)


EMITTERS = {name: Emitter(None, nothing) for name in INPUTS}
