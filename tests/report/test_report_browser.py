"""A real browser opens the page: nothing on its console, nothing wider than the screen, all usable.

Every part is opened, on a desk and on a phone, light and dark.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sample_runs import (
    fine,
    full_run,
    hardware_run,
    incomplete_run,
    problem,
    sample_run,
)

from hil.report import render
from hil.verdict.baseline import compare

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (Debian: chromium)")

WIDTHS = (1280, 390)

#: Holds the page in a frame of each width and writes down what was found in it.
HARNESS = """<!DOCTYPE html><title>harness</title><body style="margin:0"><script>
%s
addEventListener("load", async () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    found.push(await look(frame).catch(error => ({error: error.stack})));
  }
  const out = document.createElement("pre");
  out.textContent = JSON.stringify(found);
  document.body.replaceChildren(out);
});
</script>"""

#: How wide everything is, and the least contrast of any text to what lies behind it.
LOOK = """
const channels = text => {
  const n = (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  if (text.startsWith("color(srgb")) return [n[0] * 255, n[1] * 255, n[2] * 255, n[3] ?? 1];
  return [n[0], n[1], n[2], n[3] ?? 1];
};
const over = (top, below) => {
  const a = top[3];
  return [0, 1, 2].map(i => top[i] * a + below[i] * (1 - a)).concat([1]);
};
const ground = e => {
  const layers = [];
  for (; e; e = e.parentElement) layers.push(channels(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
};
const luminance = c => {
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = c.map(v => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = e => {
  const style = getComputedStyle(e);
  const below = ground(e);
  const ink = over(channels(e.closest("svg") ? style.fill : style.color), below);
  const [a, b] = [luminance(ink), luminance(below)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
};
const look = async frame => {
  const d = frame.contentDocument;
  for (const e of d.querySelectorAll("details")) e.open = true;
  await new Promise(done => setTimeout(done, 100));
  const texts = [...d.body.querySelectorAll("*")].filter(e =>
    !["SCRIPT", "STYLE", "title", "desc"].includes(e.tagName) && e.getClientRects().length &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
  const low = texts.map(e => [contrast(e), `${e.tagName}: ${e.textContent.slice(0, 40)}`])
    .sort((x, y) => x[0] - y[0]);
  return {width: frame.clientWidth, room: d.documentElement.clientWidth,
          content: d.documentElement.scrollWidth,
          ground: getComputedStyle(d.body).backgroundColor,
          boxes: [...d.querySelectorAll("svg.chain, svg.histogram, svg.arena, svg.signals")]
            .map(e => e.getBoundingClientRect().width),
          tables: d.querySelectorAll("table").length,
          texts: texts.length, low: low.slice(0, 3)};
};
"""

#: What somebody does with it: sort every table by every column, follow every link.
USE = """
const look = async frame => {
  const d = frame.contentDocument, w = frame.contentWindow;
  const tables = [];
  for (const table of d.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const key = (row, i) => row.cells[i].getAttribute("data-v") ?? row.cells[i].innerText;
    const values = i => [...table.tBodies[0].rows].map(r => key(r, i));
    heads.forEach((head, i) => {
      const button = head.querySelector("button");
      const states = [];
      for (const press of [1, 2]) {
        button.click();
        states.push([head.getAttribute("aria-sort"), values(i)]);
      }
      tables.push({states, alone: heads.filter(h => h.hasAttribute("aria-sort")).length,
                   numeric: table.tBodies[0].rows[0].cells[i].hasAttribute("data-v")});
    });
  }
  const links = [];
  for (const link of d.querySelectorAll("a")) {
    for (const e of d.querySelectorAll("details")) e.open = false;
    const id = link.getAttribute("href").slice(1);
    link.dispatchEvent(new w.MouseEvent("click", {bubbles: true, cancelable: true, view: w}));
    await new Promise(done => setTimeout(done, 20));
    const target = d.getElementById(id);
    links.push([id, target !== null && target.getClientRects().length > 0]);
  }
  for (const e of d.querySelectorAll("details")) e.open = true;
  const all = [...d.querySelectorAll("a, button, summary, [tabindex]")];
  const stops = all.filter(e => e.tabIndex >= 0);
  const reached = stops.filter(e => { e.focus(); return d.activeElement === e; }).length;
  return {tables, links, stops: stops.length, reached};
};
"""


def browse(file: Path, profile: Path, *options: str) -> tuple[str, list[str]]:
    """Return the loaded page's DOM and what the browser wrote on its console."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
        "--no-first-run", f"--user-data-dir={profile}", "--window-size=1400,900",
        # Files are one origin, so that the harness may look into its frames.
        "--virtual-time-budget=60000", "--allow-file-access-from-files", *options,
        "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


def framed(look: str, widths: tuple[int, ...] = WIDTHS) -> str:
    frames = (
        f'<iframe style="border:0;width:{width}px;height:800px" src="report.html"></iframe>'
        for width in widths
    )
    return HARNESS % look + "".join(frames)


def seen(
    page: str, look: str, folder: Path, *options: str, widths: tuple[int, ...] = WIDTHS
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what was found in each frame, and the console."""
    file = folder / "frames.html"
    (folder / "report.html").write_text(page, encoding="utf-8")
    file.write_text(framed(look, widths), encoding="utf-8")
    dom, console = browse(file, folder, *options)
    found: list[dict[str, Any]] = json.loads(
        html.unescape(re.findall(r"<pre>(.*)</pre>", dom, re.DOTALL)[0])
    )
    assert [f["error"] for f in found if "error" in f] == []
    return found, console


@pytest.fixture(scope="module")
def page() -> str:
    """Every kind of run on one page."""
    runs = [sample_run(windows=60), full_run(), hardware_run(windows=60), incomplete_run(20, 1, 60)]
    return render(runs, [[problem(), fine()]] * len(runs))


@pytest.fixture(scope="module")
def drifted() -> str:
    """A run beside its baseline."""
    new = full_run(3, windows=60)
    drift = compare(sample_run(3, windows=60), new, max_drift=1.0)
    assert drift.failed
    return render([new], [[problem(), fine()]], drift)


def check_appearance(page: str, scheme: int, folder: Path) -> None:
    found, console = seen(page, LOOK, folder, f"--blink-settings=preferredColorScheme={scheme}")
    assert console == []
    assert [f["width"] for f in found] == list(WIDTHS)
    for frame in found:
        assert frame["content"] == frame["room"], "something is wider than the screen"
        assert frame["tables"] == page.count("<table")
        assert all(width > 200 for width in frame["boxes"])
        assert frame["texts"] > 300
        contrast, what = frame["low"][0]
        assert contrast >= 4.5, what
    assert found[0]["ground"] == ("rgb(20, 23, 26)" if scheme == 0 else "rgb(252, 251, 248)")


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_it_fits_a_desk_and_a_phone_and_can_be_read(page: str, scheme: int, tmp_path: Path) -> None:
    check_appearance(page, scheme, tmp_path)


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_the_drift_fits_and_can_be_read(drifted: str, scheme: int, tmp_path: Path) -> None:
    check_appearance(drifted, scheme, tmp_path)


def test_tables_sort_links_land_and_the_keyboard_reaches_all(drifted: str, tmp_path: Path) -> None:
    (found,), console = seen(drifted, USE, tmp_path, widths=(1280,))
    assert console == []
    assert len(found["tables"]) > 40
    for column in found["tables"]:
        assert column["alone"] == 1, "two columns claim to be the sorted one"
        down, up = column["states"]
        assert (down[0], up[0]) == ("descending", "ascending")
        check_order(down[1], up[1], column["numeric"])
    assert len(found["links"]) > 15
    assert [link for link, landed in found["links"] if not landed] == []
    assert found["reached"] == found["stops"] > 60


def check_order(down: list[str], up: list[str], numeric: bool) -> None:
    if not numeric:  # in the order of the reader's language: not told here
        assert sorted(down) == sorted(up)
        assert len(set(down)) < len(down) or up == down[::-1]
        return
    known = [float(v) for v in down if v != "NaN"]
    missing = ["NaN"] * (len(down) - len(known))
    assert [float(v) for v in down[: len(known)]] == sorted(known, reverse=True)
    assert [float(v) for v in up[: len(known)]] == sorted(known)
    assert down[len(known) :] == up[len(known) :] == missing, "what has no number comes last"


def test_the_page_by_itself_says_nothing_on_the_console(page: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    dom, console = browse(file, tmp_path)
    assert console == []
    assert "Accuracy along the chain" in dom


def test_what_the_checks_above_look_for_would_be_seen(page: str, tmp_path: Path) -> None:
    wrong = (
        "<script>document.title = 1</script>"
        "<p style='width:900px;max-width:none;color:#999;background:#fff'>wide and pale</p>"
    )
    (desk, phone), console = seen(page.replace("<main", wrong + "<main", 1), LOOK, tmp_path)
    assert any("Content Security Policy" in line for line in console)
    assert desk["content"] == desk["room"]
    assert phone["content"] != phone["room"]
    contrast, what = desk["low"][0]
    assert contrast == pytest.approx(2.85, abs=0.01)
    assert "wide and pale" in what


def test_without_its_script_it_is_whole(page: str, tmp_path: Path) -> None:
    bare = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    found, console = seen(bare, LOOK, tmp_path, widths=(1280,))
    assert console == []
    assert found[0]["tables"] == page.count("<table")


def test_it_prints_with_every_part_open(tmp_path: Path) -> None:
    run = full_run(windows=60)
    quiet = [fine()]  # nothing is open by itself
    text = render([run], [quiet])
    assert "<details open" not in text
    closed = text.replace("</style>", "details::details-content { display: none }</style>")
    pages = [printed(t, tmp_path / name) for t, name in ((text, "whole"), (closed, "closed"))]
    assert 8 <= pages[0] <= 40
    assert pages[1] < pages[0] - 3, "closed parts are not on paper"


def printed(page: str, folder: Path) -> int:
    """Return how many sheets of paper a page takes."""
    folder.mkdir()
    file, pdf = folder / "report.html", folder / "report.pdf"
    file.write_text(page, encoding="utf-8")
    browse(file, folder, f"--print-to-pdf={pdf}")
    return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
