"""Files of users: bounded, never waited for, written whole, devices left as they are."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hil.errors import InputError
from hil.files import read_file, write_file


def test_reads_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_file(path, 4)


def test_a_pipe_without_a_writer_is_refused_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        read_file(tmp_path / "pipe", 10)


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/fd", "/nonexistent", "a\0b", "x" * 5000])
def test_what_is_no_file_is_one_line(path: str) -> None:
    with pytest.raises(InputError) as caught:
        read_file(Path(path), 10)
    assert "\n" not in str(caught.value)


def test_names_of_files_cannot_rewrite_the_screen(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_file(tmp_path / "\x1b[2J.json", 10)
    assert "\x1b" not in str(caught.value)


def test_writes_and_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_file(path, "one")
    path.chmod(0o640)
    write_file(path, "zwei ä")
    assert path.read_text("utf-8") == "zwei ä"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["f"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_file(tmp_path / "ours", "")
    (tmp_path / "usual").write_text("")
    modes = {p.stat().st_mode for p in tmp_path.iterdir()}
    assert len(modes) == 1


def test_what_was_there_survives_a_failed_write(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("before")
    with pytest.raises(InputError, match="surrogates"):
        write_file(path, "\udc80")
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["f"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("before")
    (tmp_path / "link").symlink_to("target")
    write_file(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "after"


def test_a_circle_of_links_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError):
        write_file(tmp_path / "a", "text")


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    # A pipe stands for /dev/stdout and /dev/full: root could replace those by files.
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(tmp_path / "pipe", "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(
    not Path("/dev/full").is_char_device(), reason="this machine has no /dev/full, which fails"
)
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(InputError, match="No space left"):
        write_file(Path("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory"):
        write_file(tmp_path, "text")
