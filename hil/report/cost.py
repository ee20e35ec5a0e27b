"""What the model costs on the board: memory against its budget, counts, compression, the line."""

from __future__ import annotations

from dataclasses import dataclass

from hil.record import CompressionRow, Link, Run


@dataclass(frozen=True)
class Budget:
    """Bytes used of what there is; share: None where the size is not known."""

    name: str
    used: int
    size: int
    detail: str

    @property
    def share(self) -> float | None:
        """Used of size."""
        return self.used / self.size if self.size > 0 else None


@dataclass(frozen=True)
class CompressionBar:
    """A row of the compression table; share: its gzipped size of the largest one."""

    row: CompressionRow
    share: float
    ratio: float | None


@dataclass(frozen=True)
class CostView:
    """Costs of a run. `milliseconds`: of a real board only; an emulator has no time."""

    budgets: tuple[Budget, ...]
    arena: int | None
    instructions: int | None
    cycles: int | None
    estimate: int | None
    milliseconds: float | None
    compression: tuple[CompressionBar, ...]
    link: Link | None
    link_clean: bool


def cost_view(run: Run) -> CostView:
    """Return the costs of a run."""
    identity, cycles = run.identity, run.cycles_per_inference
    timed = cycles is not None and not identity.emulated and identity.clock_hz > 0
    return CostView(
        budgets=budgets(run),
        arena=run.memory.arena if run.memory else None,
        instructions=run.instructions_per_inference,
        cycles=None if identity.emulated else cycles,
        estimate=run.cycles_estimate_per_inference,
        milliseconds=cycles / identity.clock_hz * 1e3 if timed and cycles is not None else None,
        compression=compression(run.compression),
        link=run.link,
        link_clean=run.link is not None and not link_errors(run.link),
    )


def budgets(run: Run) -> tuple[Budget, ...]:
    """Return flash, RAM and stack against what the board has."""
    if run.memory is None:
        return ()
    m = run.memory
    return (
        Budget("Flash", m.flash_used, m.flash_size, "program, constants and weights, as linked"),
        Budget("RAM", m.ram_static, m.ram_size, "static, as linked"),
        Budget("Stack", m.stack_peak, m.stack_size, "deepest use, measured"),
    )


def link_errors(link: Link) -> int:
    """Return everything that went wrong on the line, whether or not it was made good."""
    return (
        link.retransmissions
        - link.late
        + link.bad_frames_device
        + link.bad_frames_host
        + link.overruns
        + link.line_errors
    )


def compression(rows: tuple[CompressionRow, ...]) -> tuple[CompressionBar, ...]:
    """Return the compression table with each gzipped size against the first row's."""
    largest = max((r.gzip_bytes for r in rows), default=0)
    first = rows[0].gzip_bytes if rows else 0
    return tuple(
        CompressionBar(
            row=r,
            share=r.gzip_bytes / largest if largest > 0 else 0.0,
            ratio=first / r.gzip_bytes if r.gzip_bytes > 0 else None,
        )
        for r in rows
    )
