"""What the documents point at is there: links between them, and the files they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(ROOT.glob("*.md"))

LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
#: `hil/verdict/stats.py`, `firmware/lib/nn/`; not a pattern, nor one with a NAME to fill in.
PATH = re.compile(r"`((?:hil|pipeline|firmware|tests|test_vectors|benchmarks)/[a-z0-9_./-]*)`")


def anchors(path: Path) -> set[str]:
    """The anchors that a Markdown page's headings make, as GitHub forms them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(path.read_text())
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    found = [(t, a) for t, a in LINK.findall(path.read_text()) if "://" not in t]
    for target, anchor in found:
        there = ROOT / target if target else path
        assert there.exists(), f"{path.name} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{path.name} links to {target}#{anchor}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_files_that_are_named_exist(path: Path) -> None:
    for name in PATH.findall(path.read_text()):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_the_documents_have_links_and_names() -> None:
    text = "".join(p.read_text() for p in DOCUMENTS)
    assert len(LINK.findall(text)) > 5
    assert len(PATH.findall(text)) > 20
