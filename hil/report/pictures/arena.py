"""The arena: layers from left to right, bytes from bottom to top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from hil.record import ArenaBlock, ArenaPlan
from hil.report.svg import at, element, line, picture, text
from hil.report.text import kilobytes

#: Pixels of the plot and of the labels below it.
PLOT: Final = 240
LABELS: Final = 34
#: The axis's labels have this share of the width.
GUTTER: Final = 0.1
#: Blocks lower than this have no room for their name.
NAMED: Final = 15


def arena(key: str, plan: ArenaPlan, in_place: Sequence[bool]) -> Markup:
    """Return each block as a box over the layers it is needed in; in_place: written over another.

    The first column is the time before layer 0, when the input is there.
    """
    columns = len(plan.layers) + 1
    size = max(1, plan.size)
    parts = [
        line(at(GUTTER), PLOT, "100%", PLOT, "base"),
        text("0", "0%", PLOT + 4, "tick"),
        text(kilobytes(plan.size), "0%", 10, "tick"),
        *(_moment(i, columns) for i in range(columns)),
    ]
    order = sorted(zip(plan.blocks, in_place, strict=True), key=lambda pair: pair[1])
    for block, over in order:
        parts += _block(block, over, columns, size)
    shared = sum(in_place)
    return picture(
        key,
        f"Arena of {plan.size} bytes over {len(plan.layers)} layers",
        f"{len(plan.blocks)} blocks, {shared} of them written over the input they are made from; "
        "the table below lists them.",
        *parts,
        class_="arena",
        height=PLOT + LABELS,
    )


def _moment(i: int, columns: int) -> Markup:
    """The number of a layer, below its column."""
    centre = GUTTER + (1 - GUTTER) * (i + 0.5) / columns
    # Of many layers not every number has room.
    if i and (i - 1) % max(1, -(-columns // 24)):
        return Markup("")
    return text("in" if i == 0 else str(i - 1), at(centre), PLOT + 16, "tick middle")


def _block(block: ArenaBlock, over: bool, columns: int, size: int) -> list[Markup]:
    width = (1 - GUTTER) / columns
    first, last = block.first_layer + 1, block.last_layer + 1
    height = PLOT * block.size / size
    bottom = PLOT - PLOT * block.offset / size
    x, wide = GUTTER + first * width, (last - first + 1) * width
    kind = f"block {block.kind}" + (" over" if over else "")
    parts = [
        element(
            "rect", x=at(x), y=f"{bottom - height:.4g}", width=at(wide - 0.003),
            height=f"{max(1.5, height - 1):.4g}", class_=kind,
        )
    ]  # fmt: skip
    if height >= NAMED:
        parts.append(text(str(block.size), at(x + wide / 2), bottom - height / 2 + 4, "size"))
    return parts
