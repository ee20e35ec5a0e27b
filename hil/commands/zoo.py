"""`tinyhil zoo`: plant named faults and count how often the diagnosis names the right one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hil.board import PROJECT_DIR
from hil.errors import InputError
from hil.strict_json import read_json, to_json
from hil.zoo import outsiders
from hil.zoo.collection import collect, healthy_specimens, specimens
from hil.zoo.faults import FAULTS
from hil.zoo.healthy import train_missing
from hil.zoo.score import Score, score, worse
from hil.zoo.specimen import Specimen
from hil.zoo.table import table

#: What the committed matrix holds: causes named right in the quick subset and in the whole zoo.
MATRIX = PROJECT_DIR / "benchmarks" / "zoo_matrix.json"
#: What was printed as that was accepted, for people.
PRINTED = {which: MATRIX.with_name(f"zoo_{which}.txt") for which in ("whole", "clean")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--quick", action="store_true", help="each fault once, on one board")
    parser.add_argument(
        "--clean", type=int, metavar="N", help="only N runs without a fault, over 12 models"
    )
    parser.add_argument(
        "--outsiders", action="store_true", help="only the faults that no rule was made for, once"
    )
    parser.add_argument("--only", metavar="NAME", help="faults whose name begins so")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default 2)")
    parser.add_argument(
        "--out", type=Path, default=Path("build/zoo"), help="where results are kept (build/zoo)"
    )
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    parser.add_argument(
        "--accept", action="store_true", help=f"make benchmarks/{MATRIX.name} what is found now"
    )


def execute(args: argparse.Namespace) -> int:
    """Run, score, print; exit code 1 when a cause is named right less often than committed."""
    if args.list:
        for fault in FAULTS.values():
            print(f"{fault.name:34} {', '.join(fault.places):18} {fault.about}")
        return 0
    if not 1 <= args.jobs <= 64:
        raise InputError(f"--jobs {args.jobs}: must be from 1 to 64")
    if args.outsiders:
        return _outsiders(args)
    result = score(collect(_wanted(args), args.out, args.jobs, quiet=args.json))
    _write(args.out / "score.json", to_json(result))
    lines = _compare(result, args)
    if args.json:
        print(json.dumps({"score": to_json(result), "worse": lines}))
    else:
        print(table(result))
        print("\n".join(f"worse than committed: {line}" for line in lines))
    return int(bool(lines))


def _outsiders(args: argparse.Namespace) -> int:
    """Run and print the faults of hil/zoo/outsiders.py; no score is a failure."""
    if args.quick or args.only or args.clean is not None or args.accept:
        raise InputError("--outsiders stands alone: leave out --quick, --clean, --only, --accept")
    observations = collect(outsiders.specimens(), args.out, args.jobs, quiet=args.json)
    with outsiders.admitted():
        result = score(observations)
    _write(args.out / "outsiders.json", to_json(result))
    print(json.dumps({"score": to_json(result)}) if args.json else _each(result))
    return 0


def _each(result: Score) -> str:
    """Return a line for each run, right or wrong, and the score."""
    lines = []
    for r in result.runs:
        right = ", ".join(w for w in ("stage", "location", "cause") if getattr(r, w)) or "nothing"
        place = f" at {r.found_location}" if r.found_location else ""
        seen = f"right: {right}" if r.detectable else "not detectable by the zoo's rule"
        lines.append(f"{r.fault}, {r.arch}: expected {r.expected}, found {r.found}{place}; {seen}")
    return "\n".join([*lines, "", table(result)])


def _wanted(args: argparse.Namespace) -> list[Specimen]:
    if args.clean is None:
        return specimens(args.quick, args.only)
    if args.quick or args.only:
        raise InputError("--clean has no faults: leave out --quick and --only")
    if not 1 <= args.clean <= 10_000:
        raise InputError(f"--clean {args.clean}: must be from 1 to 10000")
    wanted = healthy_specimens(args.clean)
    train_missing(sorted({s.arch for s in wanted}), quiet=args.json)
    return wanted


def _compare(result: Score, args: argparse.Namespace) -> list[str]:
    """Return what is worse than committed; nothing is compared where a part was run."""
    if args.only:
        return []
    which = "clean" if args.clean else "quick" if args.quick else "whole"
    committed = read_json(MATRIX) if MATRIX.is_file() else {}
    if not isinstance(committed, dict):
        raise InputError(f"{MATRIX}: not a matrix; make it anew: tinyhil zoo --accept")
    if args.accept:
        alarms = result.clean_alarms
        found = {"alarms": alarms.right, "clean": alarms.total, "matrix": result.matrix}
        _write(MATRIX, {**committed, which: found})
        if which in PRINTED:
            _write_text(PRINTED[which], table(result))
        return []
    before = committed.get(which)
    if not isinstance(before, dict):
        return []
    lines = worse(result.matrix, before["matrix"])
    if result.clean_alarms.right > before["alarms"]:
        lines.append(f"{result.clean_alarms.right} false alarms, {before['alarms']} before")
    return lines


def _write(path: Path, data: object) -> None:
    _write_text(path, json.dumps(data, indent=1, ensure_ascii=False))


def _write_text(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
