"""How a layer differs on the device: its kind of difference, with the values behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.record import LayerDevice, LayerEvidence, Run
from hil.verdict.causes import CAUSES
from hil.verdict.findings import Finding

#: Distinct (expected, actual) pairs that are drawn: the commonest.
POINTS: Final = 600
#: Values listed one by one.
LISTED: Final = 8


@dataclass(frozen=True)
class Difference:
    """One value that differs: its place in the window's tensor."""

    window: int
    index: int
    expected: int
    actual: int


@dataclass(frozen=True)
class KindView:
    """A layer with evidence. cause, meaning: what the diagnosis says of it, where it does.

    facts: (question, answer). points: (expected, actual, how many). ends: of both axes.
    """

    layer: LayerDevice
    cause: str | None
    meaning: str | None
    facts: tuple[tuple[str, str], ...]
    points: tuple[tuple[int, int, int], ...]
    ends: tuple[int, int]
    differing: int
    values: int
    listed: tuple[Difference, ...]


def kinds_view(run: Run, findings: Sequence[Finding]) -> tuple[KindView, ...]:
    """Return every layer that evidence was gathered of."""
    causes = {f.location: f.cause for f in reversed(findings) if f.stage == "device"}
    return tuple(_kind(run, e, causes.get(run.device_layers[e.layer].name)) for e in
                 run.layer_evidence)  # fmt: skip


def _kind(run: Run, evidence: LayerEvidence, cause: str | None) -> KindView:
    pairs = [(p.window, _codes(evidence, p.expected), _codes(evidence, p.actual))
             for p in evidence.pairs]  # fmt: skip
    counts = Counter(pair for _, e, a in pairs for pair in zip(e.tolist(), a.tolist(), strict=True))
    low = min((min(pair) for pair in counts), default=-128)
    high = max((max(pair) for pair in counts), default=127)
    return KindView(
        layer=run.device_layers[evidence.layer],
        cause=cause,
        meaning=CAUSES["device"].get(cause) if cause else None,
        facts=_facts(evidence),
        points=tuple((e, a, n) for (e, a), n in counts.most_common(POINTS)),
        ends=(low, high),
        differing=sum(n for (e, a), n in counts.items() if e != a),
        values=sum(counts.values()),
        listed=tuple(_listed(pairs)),
    )


def _codes(evidence: LayerEvidence, text: str) -> NDArray[np.int64]:
    kind = "<i2" if evidence.dtype == "int16" else "i1"
    return np.frombuffer(bytes.fromhex(text), kind).astype(np.int64)


def _listed(
    pairs: Sequence[tuple[int, NDArray[np.int64], NDArray[np.int64]]],
) -> list[Difference]:
    found = [
        Difference(window, int(i), int(e[i]), int(a[i]))
        for window, e, a in pairs
        for i in np.flatnonzero(e != a)[:LISTED]
    ]
    return found[:LISTED]


def _facts(evidence: LayerEvidence) -> tuple[tuple[str, str], ...]:
    """Return what was asked of the device, and what it answered."""
    ran = "alone, on the definition's inputs" if evidence.alone else "inside the whole model"
    facts = [
        ("Run", ran),
        ("The same request again", "the same bytes" if evidence.repeats else "other bytes"),
    ]
    if evidence.remembers is not None:
        facts.append(("Depends on the window before", "yes" if evidence.remembers else "no"))
    if evidence.kept_state is not None:
        answer = "gives its bytes" if evidence.kept_state else "gives other bytes"
        facts.append(("The definition with its state kept", answer))
    if evidence.explained is not None:
        facts.append(("Every byte is given by", evidence.explained.text))
    if (found := evidence.constants) is not None:
        facts.append(("Rows told from random inputs", f"{found.told} of {found.rows}"))
        facts.append(("Of these, weighted sums of the inputs", str(found.affine)))
    if found is not None and found.affine:
        facts += [
            ("Rows with another weight or bias", f"{found.other_rows} of {found.affine}"),
            ("Other weights", f"{found.other_weights} of {found.weights}, {found.lost} of them 0"),
            ("Other biases", str(found.other_biases)),
        ]
    return tuple(facts)
