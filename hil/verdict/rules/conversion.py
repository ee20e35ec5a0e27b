"""Finding: what the .tflite files lose against the Keras models that they were converted from.

Keras is not here to be asked (it is training's alone), but training measured both on every test
window, and wrote what they are right in into the model folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hil.errors import clean
from hil.record import Run
from hil.verdict.findings import Finding
from hil.verdict.rules.wording import fine, note, percent, points

#: How pipeline/train/build.py names the two rows of a stage in the compression table.
KERAS, CONVERTED = ", Keras .h5", ", float .tflite"
#: Between two ways to add the same floats, a window on the fence may turn: points of accuracy.
FENCE: Final = 0.5


def conversion(run: Run) -> list[Finding]:
    """Compare each stage's two rows of the compression table."""
    pairs = list(_pairs(run))
    if not pairs:
        return []
    evidence = [f"{clean(n, 40)}: Keras {percent(a)}, .tflite {percent(b)}" for n, a, b in pairs]
    name, keras, converted = max(pairs, key=lambda pair: abs(pair[1] - pair[2]))
    if abs(keras - converted) * 100 <= FENCE:
        headline = "Conversion from Keras changes no accuracy on the test windows of the training"
        return [fine("conversion", "loss", headline, evidence=evidence)]
    return [
        note(
            "conversion",
            "loss",
            f"Conversion changes {clean(name, 40)} by {points(converted - keras)} points on the "
            "test windows of the training",
            evidence=evidence,
            remedy="convert again from the model that was measured, with a fixed batch of 1",
        )
    ]


def _pairs(run: Run) -> Iterator[tuple[str, float, float]]:
    """Yield each stage that has both: its name, Keras's accuracy, the .tflite's."""
    rows = {row.variant: row.accuracy for row in run.compression}
    for variant, keras in rows.items():
        name = variant.removesuffix(KERAS)
        converted = rows.get(name + CONVERTED)
        if name != variant and keras is not None and converted is not None:
            yield name, keras, converted
