"""Every command in README.md is run, in the order of the page, except blocks marked otherwise.

A fenced block is `sh`, or `sh long` / `sh board` for what takes minutes or needs a board. In the
others a line is a command; one that ends in `&` is a server, started and ended with the test.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```sh( \w+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, list[str]]]:
    """Return (mark, commands) per block; continued lines joined, comments left out."""
    found = []
    for mark, body in BLOCK.findall(README):
        lines = body.replace("\\\n", " ").splitlines()
        commands = [line.partition(" # ")[0].strip() for line in lines]
        found.append((mark.strip(), [c for c in commands if c and not c.startswith("#")]))
    return found


def commands() -> list[str]:
    return [c for mark, block in blocks() if mark == "" for c in block]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The commands see this interpreter's environment first, as after `. .venv/bin/activate`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path}


@pytest.fixture(scope="module")
def servers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def test_marks_are_known() -> None:
    assert {mark for mark, _ in blocks()} <= {"", "long", "board"}
    assert len(commands()) >= 8


@pytest.mark.xdist_group("readme")
@pytest.mark.parametrize("command", commands())
def test_command(
    command: str, environment: dict[str, str], servers: list[subprocess.Popen[bytes]]
) -> None:
    if command.endswith("&"):
        words = shlex.split(command.removesuffix("&"))
        process = subprocess.Popen(words, cwd=ROOT, env=environment, start_new_session=True)
        servers.append(process)
        time.sleep(3)  # long enough to find a wrong option or a missing file
        assert process.poll() is None, f"{command}: ended with {process.returncode}"
        return
    # `bash -c`, as a reader would paste it: the text is the repository's own.
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
