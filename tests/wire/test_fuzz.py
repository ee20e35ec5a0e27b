"""A short, repeatable run of fuzz_server.c: by libFuzzer where clang is, and by a plain driver."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, SOURCES, compile_c

from hil.wire.frame import Decoder, Frame

HERE = Path(__file__).parent
SANITIZE = "-fsanitize=address,undefined"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared exchanges as the fuzzer's scripts: requests that make sense are a good start."""
    folder = tmp_path_factory.mktemp("corpus")
    cases = json.loads((ROOT / "test_vectors" / "wire" / "exchanges.json").read_text())
    for i, exchange in enumerate(cases["exchanges"]):
        script = bytes((16, 3, 5))  # the fake device's usual input of 24 bytes; pieces of 4 and 6
        for line in [*exchange.get("before", []), exchange["line"]]:
            (frame,) = Decoder().feed(bytes.fromhex(line))
            assert isinstance(frame, Frame)
            script += bytes((frame.type,)) + len(frame.body).to_bytes(2, "little") + frame.body
        (folder / f"{i:03}").write_bytes(script)
    return folder


def run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def test_libfuzzer_finds_nothing(corpus: Path, tmp_path: Path) -> None:
    clang = shutil.which("clang")
    if clang is None:
        pytest.skip("clang is not installed: the plain driver runs all the same")
    options = ("-fsanitize=fuzzer,address,undefined",)
    fuzzer = compile_c(clang, tmp_path / "fuzz", [*SOURCES, HERE / "fuzz_server.c"], *options)
    found = tmp_path / "found"
    found.mkdir()
    run(fuzzer, "-seed=1", "-runs=3000", "-max_len=4096", f"-artifact_prefix={found}/", corpus)


def test_the_plain_driver_finds_nothing(compiler: str, corpus: Path, tmp_path: Path) -> None:
    sources = [*SOURCES, HERE / "fuzz_server.c", HERE / "fuzz_main.c"]
    fuzzer = compile_c(compiler, tmp_path / "fuzz", sources, SANITIZE)
    run(fuzzer, "15", *sorted(corpus.iterdir()))


def test_the_fuzzer_notices_a_broken_server(compiler: str, corpus: Path, tmp_path: Path) -> None:
    """A server that answers every broken frame is what it must find."""
    server = (ROOT / "firmware" / "lib" / "wire" / "wire_server.c").read_text()
    broken = server.replace("server->bad_frame_told = true;", "")
    assert broken != server
    (tmp_path / "wire_server.c").write_text(broken)
    sources = [s for s in SOURCES if s.name != "wire_server.c"]
    sources += [tmp_path / "wire_server.c", HERE / "fuzz_server.c", HERE / "fuzz_main.c"]
    fuzzer = compile_c(compiler, tmp_path / "fuzz", sources, SANITIZE)
    noise = tmp_path / "noise"
    noise.write_bytes(bytes((16, 3, 5)) + b"\xff\x05\0\x05\0\x05\0\x05\0\x05\0\x05\0\x05\0\x05\0")
    done = subprocess.run([fuzzer, "0", noise], capture_output=True, text=True, check=False)
    assert "invariant broken: a flood of BAD_FRAME" in done.stderr
