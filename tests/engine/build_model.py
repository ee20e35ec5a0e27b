"""Builds small .tflite files with the schema's own generated code, without tensorflow."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

TYPES = {
    "int8": schema.TensorType.INT8, "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32, "float32": schema.TensorType.FLOAT32,
    "uint8": schema.TensorType.UINT8, "int64": schema.TensorType.INT64,
}  # fmt: skip


class Builder:
    """A model under construction: tensors and operators are added, `finish` gives the bytes."""

    def __init__(self) -> None:
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[Any] = []
        self.buffers: list[Any] = [schema.BufferT()]

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: str = "int8",
        *,
        scale: float | NDArray[np.float32] | None = None,
        zero_point: int = 0,
        axis: int = 0,
        name: str = "",
        variable: bool = False,
    ) -> int:
        """Add an activation; return its index. scale may be one per channel of `axis`."""
        tensor = schema.TensorT()
        tensor.name = name or f"model/t{len(self.tensors)}/x"
        tensor.shape = list(shape)
        tensor.type = TYPES[dtype]
        tensor.isVariable = variable
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            tensor.quantization.scale = scales.tolist()
            tensor.quantization.zeroPoint = [zero_point] * len(scales)
            tensor.quantization.quantizedDimension = axis
        if not variable:
            tensor.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT())
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(
        self,
        values: NDArray[Any],
        *,
        scale: float | NDArray[np.float32] | None = None,
        zero_point: int = 0,
        axis: int = 0,
    ) -> int:
        """Add a constant; return its index."""
        index = self.tensor(
            values.shape, values.dtype.name, scale=scale, zero_point=zero_point, axis=axis
        )
        self.buffers[self.tensors[index].buffer].data = np.frombuffer(values.tobytes(), np.uint8)
        return index

    def op(self, name: str, inputs: list[int], outputs: list[int], options: Any = None) -> None:
        """Add an operator; options is one of the schema's …OptionsT, or None."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 1
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.codes)
        operator.inputs, operator.outputs = inputs, outputs
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.codes.append(code)
        self.operators.append(operator)

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        """Return the .tflite."""
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = inputs, outputs
        model = schema.ModelT()
        model.version = 3
        model.operatorCodes, model.subgraphs, model.buffers = self.codes, [subgraph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def options(kind: str, **fields: Any) -> Any:
    """Return a schema options object with `fields` set."""
    made = getattr(schema, kind + "T")()
    for name, value in fields.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made
