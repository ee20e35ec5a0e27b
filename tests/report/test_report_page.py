"""The whole page: well-formed, self-contained, accessible, and true to its records."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from page_outline import Element, Outline
from sample_runs import (
    differing_run,
    fine,
    full_run,
    hardware_run,
    incomplete_run,
    problem,
    sample_run,
)

from hil.record import ByteComparison, Run
from hil.report import render

#: A figure with a unit of time: what an emulated run must never show.
TIME = re.compile(r"\d\s*(?:ns|us|µs|μs|ms|s|sec|seconds?|min|minutes?|hours?)\b")


def bare_run() -> Run:
    """A run that ended before anything could be measured."""
    run = incomplete_run(measured=0, windows=12)
    return replace(
        run, quantization=(), device_layers=(), comparisons=(), compression=(), memory=None,
        link=None, instructions_per_inference=None, cycles_estimate_per_inference=None,
        columns=(), notes=(), fault="HardFault at 0x00010abc\nfirmware/src/main.c:12",
    )  # fmt: skip


def six_runs() -> list[Run]:
    return [
        sample_run(1),
        sample_run(2, arch="dense"),
        differing_run(),
        sample_run(4, board="sensortile"),
        hardware_run(),
        incomplete_run(),
    ]


FINDINGS = (problem(), fine())
PAGES = {
    "one": [sample_run()],
    "full": [full_run()],
    "six": six_runs(),
    "bare": [bare_run()],
    "two": [bare_run(), hardware_run()],
}


@pytest.fixture(params=PAGES, scope="module")
def page(request: pytest.FixtureRequest) -> str:
    runs = PAGES[request.param]
    return render(runs, [FINDINGS] * len(runs))


@pytest.fixture
def outline(page: str) -> Outline:
    return Outline(page)


def test_links_land_and_ids_are_unique(outline: Outline) -> None:
    ids = [i for e in outline.everything() if (i := e.attributes.get("id"))]
    assert len(set(ids)) == len(ids)
    links = [e.attributes["href"] or "" for e in outline.all("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    named = [e.attributes["aria-labelledby"] or "" for e in outline.everything()
             if "aria-labelledby" in e.attributes]  # fmt: skip
    assert {i for names in named for i in names.split()} <= set(ids)


def test_nothing_is_fetched_and_only_the_pages_own_script_runs(page: str, outline: Outline) -> None:
    assert not outline.all("iframe", "object", "embed", "img", "base", "form")
    (script,) = outline.all("script")
    assert not script.attributes
    assert [e.attributes["href"] for e in outline.all("link")] == ["data:,"]
    for element in outline.everything():
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name != "src"
            assert not re.search(r"(?:[a-z]+:)?//", value or ""), (element.tag, name, value)
    assert not re.search(r"url\(|@import|@font-face", page)
    policy = [e.attributes["content"] for e in outline.all("meta")
              if e.attributes.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    assert policy
    assert (policy[0] or "").startswith("default-src 'none';")
    source = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in (policy[0] or "")
    assert "unsafe-eval" not in (policy[0] or "")


def test_tables_have_captions_scopes_and_a_box_to_scroll_in(outline: Outline) -> None:
    tables = outline.all("table")
    assert tables
    for table in tables:
        assert table.children[0].tag == "caption"
        assert all(
            th.attributes.get("scope") in ("col", "row", "rowgroup") for th in table.all("th")
        )
    boxes = [e for e in outline.all("div") if e.attributes.get("class") == "scroll"]
    assert [b.children[0] for b in boxes if b.children[0].tag == "table"] == tables
    for box in boxes:
        assert box.attributes["tabindex"] == "0"
        if box.children[0].tag == "table":
            caption = box.children[0].children[0]
            assert box.attributes["aria-labelledby"] == caption.attributes["id"]
        else:
            assert box.attributes["aria-label"]


def test_every_row_of_a_table_is_as_wide_as_its_head(outline: Outline) -> None:
    for table in outline.all("table"):
        widths = {
            sum(int(c.attributes.get("colspan") or 1) for c in row.children)
            for row in table.all("tr")
        }
        assert len(widths) == 1, (table.children[0].attributes["id"], widths)


def test_pictures_have_alternatives(outline: Outline) -> None:
    for picture in pictures(outline.root):
        if picture.attributes.get("aria-hidden") == "true":
            continue
        title, description = picture.children[:2]
        assert (title.tag, description.tag) == ("title", "desc")
        names = f"{title.attributes['id']} {description.attributes['id']}"
        assert picture.attributes["aria-labelledby"] == names
        # One image, or a group where it has links to be read.
        assert picture.attributes["role"] == ("group" if picture.all("a") else "img")


def pictures(element: Element) -> list[Element]:
    """The outermost svg elements: what is inside one is a part of it."""
    if element.tag == "svg":
        return [element]
    return [p for child in element.children for p in pictures(child)]


def test_a_step_of_the_picture_opens_its_part(outline: Outline) -> None:
    inside = {e.attributes["id"] for d in outline.all("details") for e in d.all("div")
              if "id" in e.attributes}  # fmt: skip
    for picture in pictures(outline.root):
        for link in picture.all("a"):
            assert (link.attributes["href"] or "")[1:] in inside
            assert link.attributes["aria-label"]


def test_a_full_record_shows_every_part() -> None:
    shown = Outline(render([full_run()], [FINDINGS])).words()
    for title in (
        "The data validation → float", "Channel by channel", "Spectra", "Shifts undone",
        "Windows that changed class", "Their signals", "Before and after", "By layer",
        "By experiment", "Remedies tried", "Values of each layer", "How it differs",
        "Window 7, as the model gets it", "The arena", "To repeat this run",
    ):  # fmt: skip
        assert title in shown, title
    assert "an output zero point of 9 instead of 12" in shown
    assert "gain" in shown
    assert "tinyhil train --data watch --arch lstm --seed 1" in shown


def test_every_sortable_cell_of_a_column_has_a_number_or_none_has(outline: Outline) -> None:
    tables = [t for t in outline.all("table") if "sortable" in (t.attributes.get("class") or "")]
    for table in tables:
        (body,) = table.all("tbody")
        for column in zip(*(row.children for row in body.children), strict=True):
            values = [cell.attributes.get("data-v") for cell in column]
            assert None not in values or set(values) == {None}
            for value in values:
                float(value or 0)  # "NaN" is one: it is sorted last


def test_headings_are_in_order(outline: Outline) -> None:
    levels = [int(e.tag[1]) for e in outline.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_language_and_viewport_are_stated(outline: Outline) -> None:
    assert outline.all("html")[0].attributes["lang"] == "en"
    assert any(e.attributes.get("name") == "viewport" for e in outline.all("meta"))
    assert len(outline.all("main")) == 1


def test_a_full_run_of_300_windows_is_far_under_its_3_megabytes() -> None:
    """The bound is the largest that may be sent around; six of them stay under it, too."""
    assert len(render([full_run(windows=300)], [FINDINGS]).encode()) < 2**19
    runs = six_runs()
    assert len(render(runs, [FINDINGS] * 6).encode()) < 3 * 2**20


def test_the_same_records_give_the_same_bytes() -> None:
    assert render([sample_run()], [FINDINGS]) == render([sample_run()], [FINDINGS])


def words(run: Run) -> str:
    return Outline(render([run], [FINDINGS])).words()


def test_an_emulated_run_shows_no_time() -> None:
    shown = words(sample_run())
    assert not TIME.search(shown), TIME.search(shown)
    assert "no times" in shown
    estimate = sample_run().cycles_estimate_per_inference
    assert estimate is not None
    assert f"estimate ≈ {estimate:,}".replace(",", " ") in shown


def test_an_emulated_run_shows_no_time_even_if_its_record_has_cycles() -> None:
    shown = words(replace(sample_run(), cycles_per_inference=808_506))
    assert not TIME.search(shown)


def test_a_board_shows_its_cycles_and_time() -> None:
    shown = words(hardware_run())
    cycles = hardware_run().cycles_per_inference
    assert cycles is not None
    assert f"{cycles / 64_000_000 * 1e3:.3g}" in shown
    assert TIME.search(shown)
    assert "Not clean." in shown


def test_an_incomplete_run_is_marked_loudly() -> None:
    shown = words(incomplete_run())
    assert "Incomplete" in shown
    assert "This run did not finish: the port vanished after 120 of 300 windows" in shown
    assert "/ 120" in shown
    assert "Within limits" not in shown


def test_an_incomplete_run_is_never_counted_as_within_limits() -> None:
    runs = [sample_run(), replace(sample_run(), incomplete="")]
    shown = Outline(render(runs, [[fine()], [fine()]])).words()
    assert "1 of 2 runs within limits" in shown


def test_the_verdict_follows_from_the_findings() -> None:
    above = Outline(render([sample_run()], [[fine(), problem()]])).words()
    assert "Above limits" in above
    assert above.index("int8 quantization costs") < above.index("The device equals")
    within = Outline(render([sample_run()], [[problem(above_limit=False)]])).words()
    assert "Within limits" in within


def test_device_bytes_that_differ_are_counted() -> None:
    shown = words(differing_run())
    assert "43 differ" in shown
    assert "The first layer that differs is conv2" in shown
    assert "differs: a cause" in shown


def test_agreement_is_claimed_only_where_it_was_looked_at() -> None:
    nothing = replace(
        sample_run(),
        device_layers=tuple(replace(d, compared=0) for d in sample_run().device_layers),
        comparisons=(ByteComparison("int8", "device", "output", 0, (), 0),),
    )
    assert "Every layer agrees" in words(sample_run())
    shown = words(nothing)
    assert "identical 0 windows" not in shown
    assert "Every layer agrees" not in shown
    assert "not compared" in shown


def test_many_classes_have_no_matrices() -> None:
    run = sample_run()
    many = replace(run, windows=replace(run.windows, classes=tuple(f"c{i}" for i in range(40))))
    assert "too many for confusion matrices" in words(many)
