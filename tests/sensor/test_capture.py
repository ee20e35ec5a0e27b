"""`tinyhil capture`, `vectors` and `live`: what is fed is recorded, loads, is predicted alike."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fed_boards import MODEL, SETTLE, VECTORS, Running, around, image
from numpy.typing import NDArray

from hil.backend.emulator import EmulatorProcess
from hil.board import PROJECT_DIR, Board, load_board
from hil.cli import main
from hil.model_folder import load_model_folder
from hil.sensor.feed import feed_samples
from hil.sensor.predict import Predictor
from hil.sensor.stream import UNIT_PER_COUNT
from hil.vectors import load_vectors
from pipeline.data.csv import load_csv
from pipeline.data.recordings import cut

pytestmark = pytest.mark.usefixtures("built_once")

FAST = ["--feed", str(VECTORS), "--fast"]


def capture(board: Board, out: Path, *more: str) -> list[str]:
    return ["capture", "--board", board.name, "--label", "ROW", "--subject", "s01",
            "--out", str(out), "--countdown", "0", *FAST, *more]  # fmt: skip


def counts(path: Path) -> NDArray[np.int64]:
    """The counts that a recording's real values are, exactly."""
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    exact = table[:, 1:] / np.asarray(UNIT_PER_COUNT)
    assert np.abs(exact - np.rint(exact)).max() < 1e-9
    return np.rint(exact).astype(np.int64)


def test_what_is_fed_is_recorded_loads_and_is_predicted_as_on_the_host(
    board: Board, running: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, vectors = tmp_path / "set", tmp_path / "windows.npz"
    assert main(capture(board, out, "--seconds", "2", "--count", "2", "--json")) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fed = feed_samples(VECTORS, board, "ROW")
    taken = 0  # one stream: the second recording begins where the first has ended
    for number, recorded in enumerate(told, start=1):
        path = out / "ROW" / "s01" / f"{board.name}-{number:03d}.csv"
        assert Path(recorded["path"]) == path
        values = counts(path)
        assert np.array_equal(values, around(fed, SETTLE + taken, len(values)))
        taken += len(values)
        assert abs(recorded["rate_hz"] / board.facts.sensor_hz - 1) < 0.01
        assert recorded["clipped"] == 0
    assert len(told) == 2

    command = ["vectors", "--data", str(out), "--model", str(MODEL), "--out", str(vectors)]
    assert main(command) == 0
    windows = load_vectors(vectors)
    assert np.array_equal(windows.raw, cut(load_csv(str(out)), ("ROW",)).raw)
    assert windows.manifest.classes == ("PEN", "FEL", "ROW")
    assert set(windows.label.tolist()) == {2}
    predictor = Predictor(running.device, load_model_folder(MODEL))
    assert all(predictor.predict(window, 0.0).agrees for window in windows.raw)


def test_live_predictions_equal_the_hosts(board: Board, capsys: pytest.CaptureFixture[str]) -> None:
    live = ["live", "--board", board.name, "--model", str(MODEL), *FAST, "--count", "12"]
    assert main([*live, "--json"]) == 0
    out, err = capsys.readouterr()
    made = [json.loads(line) for line in out.splitlines()]
    assert len(made) == 12
    for prediction in made:
        assert prediction["agrees"] is True
        assert prediction["output"] == prediction["expected"]
        assert prediction["class"] == prediction["host_class"]
        assert "ms" not in prediction, "an emulator tells no time"
        assert prediction["instructions"] > 10_000
    assert len({prediction["output"] for prediction in made}) > 3, "the windows differ"
    classes = Counter(prediction["class"] for prediction in made)
    assert "12 windows: " + ", ".join(f"{k} {n}" for k, n in classes.most_common()) in err
    assert "board and host gave the same bytes in 12 of 12" in err
    counted = sorted(prediction["instructions"] for prediction in made)
    middle = (counted[5] + counted[6]) / 2
    told = f"an inference: {middle:,.0f} instructions (median; {counted[0]:,} to {counted[-1]:,})"
    assert told in err
    assert "samples lost: none" in err


def test_a_killed_capture_leaves_a_set_that_loads(tmp_path: Path) -> None:
    """Killed at random points; what was on disk is finished by the next capture."""
    board, out = load_board("nano33"), tmp_path / "set"
    fed = feed_samples(VECTORS, board, "ROW")
    chance = random.Random(5)
    for _ in range(2):
        command = [sys.executable, "-m", "hil.cli", *capture(board, out, "--seconds", "60")]
        with subprocess.Popen(
            command, cwd=PROJECT_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            _wait_for_part(out, process)
            time.sleep(chance.uniform(0, 0.15))
            process.kill()
    assert main(capture(board, out, "--seconds", "1")) == 0
    assert not list(out.rglob("*.part"))
    recordings = load_csv(str(out)).recordings
    assert len(recordings) >= 3, "a killed one was kept"
    for path in sorted(out.rglob("*.csv")):
        values = counts(path)
        assert np.array_equal(values, around(fed, SETTLE, len(values))), path


def _wait_for_part(out: Path, process: subprocess.Popen[Any], bytes_more: int = 6000) -> None:
    before = {p: p.stat().st_size for p in out.rglob("*.part")}
    while process.poll() is None:
        for part in out.rglob("*.part"):
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_size > before.get(part, 0) + bytes_more:
                    return
        time.sleep(0.01)
    raise AssertionError(f"capture ended with {process.returncode}")


def test_ctrl_c_keeps_what_there_is(tmp_path: Path) -> None:
    board, out = load_board("sensortile"), tmp_path / "set"
    command = [sys.executable, "-m", "hil.cli", *capture(board, out, "--seconds", "600")]
    with subprocess.Popen(
        command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        _wait_for_part(out, process)
        os.kill(process.pid, signal.SIGINT)
        text, errors = process.communicate()
    assert process.returncode == 130
    assert "sensortile-001.csv" in text
    assert errors.splitlines()[-1] == "tinyhil: interrupted"
    (path,) = out.rglob("*.csv")
    values = counts(path)
    fed = feed_samples(VECTORS, board, "ROW")
    assert len(values) >= 52
    assert np.array_equal(values, around(fed, SETTLE, len(values)))
    assert not list(out.rglob("*.part"))


def test_ctrl_c_ends_live_with_a_summary() -> None:
    command = [sys.executable, "-m", "hil.cli", "live", "--board", "nano33", "--model", str(MODEL)]
    with subprocess.Popen(
        [*command, *FAST], cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        os.kill(process.pid, signal.SIGINT)
        rest, errors = process.communicate()
    shown = len(lines) + len(rest.splitlines())
    assert process.returncode == 0, errors
    told = re.search(r"^(\d+) windows: ", errors, re.MULTILINE)
    assert told, errors
    count = int(told[1])
    assert count - shown in {0, 1}  # the signal may come between counting and printing
    assert f"the same bytes in {count} of {count}" in errors
    assert "Traceback" not in errors


UNFED = "--feed and --fast need --backend embedded"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--label", "a/b"], "--label 'a/b': at most 40 letters"),
        (["--label", ""], "--label '': at most 40"),
        (["--label", "row"], f"{VECTORS}: no windows of class 'row', only of PEN, FEL, ROW; "),
        (["--subject", "../x"], "--subject '../x': at most 40"),
        (["--seconds", "0.1"], "--seconds 0.1: from 0.5 to 3600"),
        (["--seconds", "nan"], "--seconds nan: from 0.5 to 3600"),
        (["--count", "0"], "--count is at least 1"),
        (["--port", "/dev/null"], f"{UNFED}: a board's sensor is moved by hand"),
        (["--backend", "host"], f"{UNFED}: this firmware's port has no motion sensor"),
        (["--backend", "renode"], f"{UNFED}: Renode's LSM9DS1 has no clock: "),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    assert main([*capture(load_board("nano33"), tmp_path / "set"), *options]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"tinyhil: {reason}")
    assert not (tmp_path / "set").exists()


def test_without_a_label_there_is_nothing_to_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", "--board", "nano33"]) == 2
    assert "--label and --subject say what is recorded" in capsys.readouterr().err


@pytest.mark.parametrize("what", [["capture", "--self-test"], ["live", "--model", str(MODEL)]])
def test_without_a_board_no_emulator_passes_for_one(
    what: list[str], board: Board, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*what, "--board", board.name]) == 3
    assert f"tinyhil: no {board.title} found: plug it in" in capsys.readouterr().err


def test_the_self_test_command(board: Board, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", "--board", board.name, "--self-test", "--fast", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is True
    low, high = told["accel_limits_g"]
    assert all(low <= abs(v) <= high for v in told["accel_g"])


def test_an_unplugged_board_leaves_what_it_has_sent(
    feed: Path, board: Board, fed: NDArray[np.int16], tmp_path: Path
) -> None:
    """A real port, in real time; the firmware's model is not asked for."""
    emulator = EmulatorProcess(board, image(board), None, ["--feed", str(feed)])
    out = tmp_path / "set"
    command = ["capture", "--board", board.name, "--port", str(emulator.pty), "--label", "ROW",
               "--subject", "s01", "--out", str(out), "--countdown", "0"]  # fmt: skip
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "hil.cli", *command, "--seconds", "60"],
            cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            _wait_for_part(out, process, bytes_more=2500)
            emulator.close()
            text, errors = process.communicate(timeout=60)
    finally:
        emulator.close()
    assert process.returncode == 3, errors
    assert errors.splitlines()[-1].startswith("tinyhil: ")
    assert f"{board.name}-001.csv" in text
    (path,) = out.rglob("*.csv")
    values = counts(path)
    assert np.array_equal(values, around(fed, SETTLE, len(values)))
