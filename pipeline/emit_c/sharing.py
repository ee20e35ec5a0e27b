"""One array in flash where several layers hold the same one.

Converters let layers share a tensor (an unrolled loop, tied weights), and what becomes of weights
that are equal is equal too, whatever its form. What a later layer would repeat becomes a name of
the first by a `#define`: the layers read as if each had its own. Constants are never written and
never compared by address, so this is always right.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Final

from pipeline.emit_c.layer import LayerCode

#: Element of an array that is emitted → its bytes; arrays of others are not shared.
BYTES: Final = {
    "int8_t": 1, "uint8_t": 1, "int16_t": 2, "int32_t": 4, "uint32_t": 4, "struct nn_channel": 12,
    "struct nn_scale": 12, "struct nn_sparse_row": 16,
}  # fmt: skip
#: Shorter ones are easier to read where they are used.
LEAST: Final = 32

#: As text.py and layer.py write an array: its comment, and up to its brace.
HEAD: Final = re.compile(
    r"(/\*(?:[^*]|\*(?!/))*\*/\n)?static const ([^=\n]+?) (\w+)\[(\d+)\] = \{\n"
)
TAIL: Final = "\n};\n"


class Shared:
    """The arrays that have been emitted, by what they hold."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, bytes], str] = {}

    def once(self, layer: LayerCode) -> LayerCode:
        """Return a layer without the arrays that an earlier one has, and without their bytes."""
        text, pieces, at, saved = layer.definitions, [], 0, 0
        for head in HEAD.finditer(text):
            _, kind, name, count = head.groups()
            size = BYTES.get(kind, 0) * int(count)
            if head.start() < at or size < LEAST:
                continue
            end = text.index(TAIL, head.end())
            content = hashlib.sha256(text[head.end() : end].encode()).digest()
            first = self._names.setdefault((kind, content), name)
            if first != name:
                alias = f"/* the same as that of an earlier layer */\n#define {name} {first}\n"
                pieces += [text[at : head.start()], alias]
                at, saved = end + len(TAIL), saved + size
        definitions = "".join([*pieces, text[at:]])
        return replace(layer, definitions=definitions, constant_bytes=layer.constant_bytes - saved)
