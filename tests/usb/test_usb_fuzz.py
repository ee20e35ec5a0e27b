"""A short, repeatable run of fuzz_usb.c: by libFuzzer where clang is, and by a plain driver."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from core_port import CORE, SOURCES, compile_c

HERE = Path(__file__).parent
PLAIN = [HERE / "fuzz_usb.c", HERE.parent / "wire" / "fuzz_main.c"]
ENUMERATE, OPEN = b"\x09", bytes.fromhex("ff 00 21 22 03 00 00 00 00 00 8a")
#: Starts that noise seldom makes: more packets than there is room for; a descriptor cut short; a
#: halted endpoint with something to send.
STARTS = [
    b"",
    bytes.fromhex("85 02 3f 85 02 40 85 02 3f"),
    bytes.fromhex("ff 00 80 06 00 02 00 00 09 00 8a"),
    bytes.fromhex("ff 00 02 03 00 00 82 00 00 00 8a 04 20"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A device that is enumerated and open, then something of everything."""
    folder = tmp_path_factory.mktemp("corpus")
    for i in range(40):
        noise = random.Random(i).randbytes(200)
        (folder / f"{i:03}").write_bytes(ENUMERATE + OPEN + STARTS[i % len(STARTS)] + noise)
    return folder


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_libfuzzer_finds_nothing(corpus: Path, tmp_path: Path) -> None:
    clang = shutil.which("clang")
    if clang is None:
        pytest.skip("clang is not installed: the plain driver runs all the same")
    options = ("-fsanitize=fuzzer,address,undefined",)
    fuzzer = compile_c(clang, tmp_path / "fuzz", [*SOURCES, HERE / "fuzz_usb.c"], *options)
    found = tmp_path / "found"
    found.mkdir()
    options = ("-seed=1", "-runs=30000", "-max_len=512", f"-artifact_prefix={tmp_path}/")
    done = run(fuzzer, *options, found, corpus)
    assert done.returncode == 0, done.stderr[-4000:]


def test_the_plain_driver_finds_nothing(compiler: str, corpus: Path, tmp_path: Path) -> None:
    options = ("-fsanitize=address,undefined",)
    fuzzer = compile_c(compiler, tmp_path / "fuzz", [*SOURCES, *PLAIN], *options)
    done = run(fuzzer, "200", *sorted(corpus.iterdir()))
    assert done.returncode == 0, done.stderr[-4000:]


#: File, what is in it, what takes its place, and the invariant that then breaks.
BREAKS = [
    ("usb_cdc.c", "usb_cdc_room() < USB_DATA_SIZE", "usb_cdc_room() < 1U", "there is room for"),
    ("usb_cdc.c", "!cdc.sending && may_use", "may_use", "busy or halted"),
    ("usb_cdc.c", "!usb_device_is_halted(endpoint)", "endpoint", "busy or halted"),
    ("usb_device.c", "data.size > device.setup.length", "0", "more than was asked for"),
]


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change[3])
def test_the_fuzzer_notices_a_broken_core(
    compiler: str, corpus: Path, tmp_path: Path, change: tuple[str, str, str, str]
) -> None:
    file, good, bad, said = change
    text = (CORE / file).read_text()
    assert good in text
    (tmp_path / file).write_text(text.replace(good, bad))
    sources = [s for s in SOURCES if s.name != file] + [tmp_path / file, *PLAIN]
    fuzzer = compile_c(compiler, tmp_path / "fuzz", sources)
    done = run(fuzzer, "200", *sorted(corpus.iterdir()))
    assert re.search(f"invariant broken: .*{said}", done.stderr)
