"""What `--name` may be: nothing that is emitted stands before, or in place of, something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hil.board import PROJECT_DIR
from hil.errors import InputError
from pipeline.emit_c import KERNEL_DIR, emit, generate, load_source
from pipeline.emit_c.names import DEVICES, HEADERS, KEYWORDS, check_name
from tests.engine.native import STRICT, cc

DENSE = PROJECT_DIR / "test_vectors" / "models" / "dense"
SOURCE = load_source(DENSE)

KERNELS = sorted(path.stem for path in KERNEL_DIR.glob("nn_*.h"))
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
#: Every identifier that a kernel header has, members of structs among them.
KERNEL_WORDS = {
    word
    for header in KERNEL_DIR.glob("nn_*.h")
    for word in IDENTIFIER.findall(COMMENT.sub("", header.read_text()))
}


def any_case(words: list[str]) -> st.SearchStrategy[str]:
    """Words, some of their letters in the other case."""
    return st.sampled_from(words).flatmap(
        lambda word: st.lists(st.booleans(), min_size=len(word), max_size=len(word)).map(
            lambda flips: "".join(
                c.swapcase() if f else c for c, f in zip(word, flips, strict=True)
            )
        )
    )


names = st.one_of(
    any_case(KERNELS),
    any_case(sorted(KEYWORDS | HEADERS | DEVICES | {"main", "nn"})),
    st.sampled_from(KERNELS).map(lambda stem: stem.removeprefix("nn_")),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,70}", fullmatch=True),
    st.text(max_size=8),
)


@settings(max_examples=50)
@given(names)
def test_a_name_is_refused_in_one_line_or_stands_in_nobodys_way(name: str) -> None:
    try:
        code = generate(SOURCE, name)
    except InputError as refused:
        said = str(refused)
        assert said.startswith("--name ")
        assert said.isprintable()
        remedy = said.rpartition("; ")[2]
        assert remedy.startswith("choose another")
        if " such as " in remedy:
            check_name(remedy.rpartition(" such as ")[2])
        return
    assert name.lower() not in {stem.lower() for stem in KERNELS} | HEADERS | DEVICES
    text = COMMENT.sub("", code.interface + code.implementation)
    ours = {word for word in IDENTIFIER.findall(text) if word.startswith(f"{name}_")}
    assert f"{name}_invoke" in ours
    assert not ours & KERNEL_WORDS
    assert not any("__" in word for word in ours)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nn_model", "nn_ begins the names of the kernels"),
        ("NN_Model", "nn_ begins"),
        ("nn", "nn_ begins"),
        ("int", "keyword"),
        ("main", "main.c is where"),
        ("String", "string.h is a header"),
        ("a__b", "C\\+\\+ reserves"),
        ("a_", "C\\+\\+ reserves"),
        ("_a", "must be a C identifier"),
        ("COM1", "device on Windows"),
    ],
)
def test_reasons(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^--name '{name}': .*{reason}.*; choose another, such"):
        emit(DENSE, name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@given(names)
def test_the_name_that_is_proposed_is_accepted(name: str) -> None:
    with pytest.raises(InputError) as refused:
        check_name(f"{name}_")
    proposed = str(refused.value).partition("such as ")[2]
    assume(proposed)
    check_name(proposed)


@pytest.mark.parametrize("name", ["model", "touch", "island", "m", "A", "stroke2", "unix", "INT8"])
def test_ordinary_names_build_as_c_and_as_cpp(name: str, tmp_path: Path) -> None:
    emit(DENSE, name, tmp_path)
    for compiler in ("gcc", "g++"):
        flags = STRICT if compiler == "gcc" else ["-x", "c++", "-Wall", "-Wextra", "-Werror"]
        cc([*flags, "-c", tmp_path / f"{name}.c", "-o", tmp_path / "m.o"], compiler)


def test_somebody_elses_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "gesture.c").write_text("int mine;\n")
    for single_header in (False, True):
        if single_header:
            (tmp_path / "gesture.c").rename(tmp_path / "gesture.h")
        with pytest.raises(InputError, match="not written by tinyhil emit; choose another --name"):
            emit(DENSE, "gesture", tmp_path, single_header=single_header)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("gesture.h", "int mine;\n")]


def test_files_that_differ_in_case_only_are_one_file_elsewhere(tmp_path: Path) -> None:
    before = emit(DENSE, "gesture", tmp_path)
    with pytest.raises(InputError, match=r"gesture\.h: differs from Gesture\.h in upper and lower"):
        emit(DENSE, "Gesture", tmp_path)
    assert emit(DENSE, "gesture", tmp_path) == before
    assert sorted(tmp_path.iterdir()) == sorted(before)
