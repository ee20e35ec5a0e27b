"""A run's verdict on one screen, as text or as JSON data. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from hil.errors import clean
from hil.links import words
from hil.record import Column, Run
from hil.strict_json import to_json
from hil.verdict.diagnose import failed
from hil.verdict.drift import accuracy, column, loss, same_answers, usable
from hil.verdict.findings import Finding
from hil.verdict.rules.wording import percent, plural, points
from hil.verdict.stats import Interval
from hil.verdict.steps import before_chain, since_known_people, steps

#: Lines of evidence that one screen has room for; the first ones carry the conclusion.
EVIDENCE: Final = {"problem": 6, "note": 3}

#: What the two columns of a device are: only their names stand in the table.
RAW: Final = (
    "(device: given the model input that the computer made; device-raw: given raw sensor counts, "
    "from which the board makes it)"
)

MARKS: Final = {"problem": "✗", "note": "•", "ok": "✓"}


def screen(run: Run, findings: Sequence[Finding]) -> str:
    """Return the verdict for people: the chain, what it cost, and the findings."""
    parts = [_head(run), _chain(run), _cost(run), _findings(findings), _notes(run)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def verdict(run: Run, findings: Sequence[Finding]) -> str:
    """Return "incomplete", "failed" or "ok"."""
    if run.incomplete is not None:
        return "incomplete"
    return "failed" if failed(findings) else "ok"


def as_data(run: Run, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what `screen` shows, for programs; the record has the rest."""
    return {
        "verdict": verdict(run, findings),
        "incomplete": run.incomplete,
        "identity": to_json(run.identity),
        "windows": len(run.windows.label),
        "columns": [
            *(_column_data(part, part.columns[0], change) for part, change in _before_chain(run)),
            *(_column_data(run, item) for item in run.columns),
        ],
        "comparisons": [{**to_json(c), "differing": len(c.differing)} for c in run.comparisons],
        "device_layers": to_json(run.device_layers),
        "instructions_per_inference": run.instructions_per_inference,
        "cycles_per_inference": run.cycles_per_inference,
        "cycles_estimate_per_inference": run.cycles_estimate_per_inference,
        "memory": to_json(run.memory),
        "link": to_json(run.link),
        "findings": to_json(findings),
        "notes": list(run.notes),
    }


def _before_chain(run: Run) -> list[tuple[Run, Interval | None]]:
    """Return what stands before the chain, each with its change since the one before it."""
    parts = before_chain(run)
    return list(zip(parts, (None,) * (len(parts) - 1) + (since_known_people(run),), strict=False))


def _column_data(run: Run, item: Column, change: Interval | None = None) -> dict[str, Any]:
    change = change or _change(run, item)
    return {
        "name": item.name,
        "runtime": item.runtime,
        "side_branch": item.side_branch,
        "after": item.after,
        "windows": int(usable(run, item).sum()),
        "accuracy": to_json(accuracy(run, item)),
        "change": to_json(change),
    }


def _change(run: Run, item: Column) -> Interval | None:
    """Return the change of accuracy since the column before (negative: a loss)."""
    before = column(run, item.after) if item.after else None
    if before is None or not usable(run, before, item).any():
        return _since_held_out(run, item)
    lost = loss(run, before, item)
    return Interval(-lost.value, -lost.high, -lost.low)


def _since_held_out(run: Run, item: Column) -> Interval | None:
    """Return the change from held-out recordings to these, of the column that begins the chain."""
    step = next((s for s in steps(run) if s.table is None and s.second == item.name), None)
    return Interval(-step.loss.value, -step.loss.high, -step.loss.low) if step else None


def _head(run: Run) -> list[str]:
    who = run.identity
    return [
        f"{who.board_title} · {clean(who.backend_description)} · {words(who.via)}",
        f"model {clean(who.model_name)} ({who.model_hash[:12]}) · "
        f"{plural(len(run.windows.label), 'window')}, "
        f"{plural(len(set(run.windows.subject)), 'person').replace('persons', 'people')}",
    ]


def _chain(run: Run) -> list[str]:
    rows = [("", "right", "95 %", "change", "95 %", "on")]
    rows += [_row(part, part.columns[0], change) for part, change in _before_chain(run)]
    rows += [_row(run, item) for item in run.columns]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return [
        *(
            f"{row[0]:<{widths[0]}}  "
            + "  ".join(f"{cell:>{n}}" for cell, n in zip(row[1:5], widths[1:], strict=True))
            + f"  {row[5]}"
            for row in rows
        ),
        *([RAW] if column(run, "device-raw") is not None else []),
    ]


def _row(
    run: Run, item: Column, since: Interval | None = None
) -> tuple[str, str, str, str, str, str]:
    name = f"  {clean(item.name, 24)}" if item.side_branch else clean(item.name, 24)
    value, change = accuracy(run, item), since or _change(run, item)
    return (
        name,
        percent(value.value) if value else "–",
        f"{points(value.low)}–{points(value.high)}" if value else "",
        *_change_cells(run, item, change),
        clean(item.runtime, 60),
    )


def _change_cells(run: Run, item: Column, change: Interval | None) -> tuple[str, str]:
    before = column(run, item.after) if item.after else None
    if change is None:
        return "", ""
    if before is not None and same_answers(before, item):
        return "same classes", ""
    sign = "+" if change.value > 0 else ""
    return f"{sign}{points(change.value)}", f"{points(change.low)} to {points(change.high)}"


def _cost(run: Run) -> list[str]:
    return [f"{title:<13} {text}" for title, text in _cost_lines(run)]


def _cost_lines(run: Run) -> Iterator[tuple[str, str]]:
    yield "bit for bit", _exactness(run)
    if run.instructions_per_inference is not None:
        estimate = run.cycles_estimate_per_inference
        about = f"; cycles estimated at {estimate:,}" if estimate else ""
        counted = f"{run.instructions_per_inference:,} for the first window's inference, exactly"
        yield "instructions", f"{counted}{about}"
    if run.cycles_per_inference is not None:
        microseconds = run.cycles_per_inference / run.identity.clock_hz * 1e6
        yield "cycles", f"{run.cycles_per_inference:,} per inference ({microseconds:,.0f} µs)"
    if (m := run.memory) is not None:
        yield (
            "memory",
            (
                f"flash {_kb(m.flash_used)} of {_kb(m.flash_size)}, RAM {_kb(m.ram_static)} of "
                f"{_kb(m.ram_size)} (arena {_kb(m.arena)}), stack {_kb(m.stack_peak)} of "
                f"{_kb(m.stack_size)}"
            ),
        )
    if (link := run.link) is not None:
        damaged = link.bad_frames_device + link.bad_frames_host
        yield (
            "link",
            f"{link.frames:,} frames, {damaged} damaged, {link.retransmissions} sent again",
        )


def _kb(size: int) -> str:
    return f"{size / 1024:.1f} KB"


def _exactness(run: Run) -> str:
    texts = []
    for c in run.comparisons:
        if c.actual.startswith("device") and c.compared:
            equal = c.compared - len(c.differing)
            texts.append(f"{c.actual} {c.what}s {equal}/{c.compared}")
    if run.device_layers:
        good = sum(not layer.differing for layer in run.device_layers)
        windows = min(layer.compared for layer in run.device_layers)
        texts.append(f"layers {good}/{len(run.device_layers)} (on {plural(windows, 'window')})")
    return ", ".join(texts) or "not measured"


def _findings(findings: Sequence[Finding]) -> list[str]:
    lines = []
    for f in findings:
        lines.append(f"{MARKS[f.severity]} {clean(f.headline, 400)}")
        if f.severity == "ok":
            continue
        lines += [f"    {clean(text, 400)}" for text in f.evidence[: EVIDENCE[f.severity]]]
        more = len(f.evidence) - EVIDENCE[f.severity]
        lines += [f"    … {more} more in the report and in --json"] if more > 0 else []
        lines += [f"    → {clean(f.remedy, 400)}"] if f.remedy else []
    return lines


def _notes(run: Run) -> list[str]:
    return [f"note: {clean(text, 300)}" for text in run.notes]
