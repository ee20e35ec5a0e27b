"""A real browser opens the page: nothing on its console, nothing wider than the screen."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sample_runs import differing_run, fine, hardware_run, incomplete_run, problem, sample_run

from hil.report import render

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (Debian: chromium)")

WIDTHS = (1280, 375)

#: Holds the page in a frame of each width and writes down how wide its content became.
HARNESS = """<!DOCTYPE html><title>harness</title><body style="margin:0"><script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(f => {
    const d = f.contentDocument;
    return {width: f.clientWidth, room: d.documentElement.clientWidth,
            content: d.documentElement.scrollWidth,
            dark: getComputedStyle(d.body).backgroundColor,
            boxes: [...d.querySelectorAll("svg.chain")].map(e => e.getBoundingClientRect().width),
            tables: d.querySelectorAll("table").length};
  });
  const out = document.createElement("pre");
  out.textContent = JSON.stringify(found);
  document.body.replaceChildren(out);
});
</script>"""


def browse(file: Path, profile: Path, *options: str) -> tuple[str, list[str]]:
    """Return the loaded page's DOM and what the browser wrote on its console."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
        "--no-first-run", f"--user-data-dir={profile}", "--window-size=1400,900", *options,
        "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


def framed(page: str) -> str:
    frames = (
        f'<iframe style="border:0;width:{width}px;height:800px" srcdoc="{html.escape(page)}">'
        "</iframe>"
        for width in WIDTHS
    )
    return HARNESS + "".join(frames)


@pytest.fixture(scope="module")
def page() -> str:
    runs = [sample_run(), differing_run(), hardware_run(), incomplete_run()]
    return render(runs, [[problem(), fine()]] * len(runs))


def measured(dom: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        html.unescape(re.findall(r"<pre>(.*)</pre>", dom)[0])
    )
    return found


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_it_fits_a_desk_and_a_phone_without_a_word_on_the_console(
    page: str, scheme: int, tmp_path: Path
) -> None:
    file = tmp_path / "frames.html"
    file.write_text(framed(page), encoding="utf-8")
    dom, console = browse(file, tmp_path, f"--blink-settings=preferredColorScheme={scheme}")
    assert console == []
    found = measured(dom)
    assert [f["width"] for f in found] == list(WIDTHS)
    for frame in found:
        assert frame["content"] == frame["room"], "something is wider than the screen"
        assert frame["tables"] == page.count("<table")
        assert all(width > 250 for width in frame["boxes"])  # type: ignore[attr-defined]
    assert found[0]["dark"] == ("rgb(20, 23, 26)" if scheme == 0 else "rgb(252, 251, 248)")


def test_the_page_by_itself_says_nothing_on_the_console(page: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    dom, console = browse(file, tmp_path)
    assert console == []
    assert "Accuracy along the chain" in dom


def test_what_the_checks_above_look_for_would_be_seen(page: str, tmp_path: Path) -> None:
    file = tmp_path / "frames.html"
    wrong = "<script>document.title = 1</script><p style='width:900px;max-width:none'>wide</p>"
    file.write_text(framed(page.replace("<main", wrong + "<main", 1)), encoding="utf-8")
    dom, console = browse(file, tmp_path)
    assert any("Content Security Policy" in line for line in console)
    desk, phone = measured(dom)
    assert desk["content"] == desk["room"]
    assert phone["content"] != phone["room"]


def test_it_prints(page: str, tmp_path: Path) -> None:
    file, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    file.write_text(page, encoding="utf-8")
    browse(file, tmp_path, f"--print-to-pdf={pdf}")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
    assert 4 <= pages <= 40
