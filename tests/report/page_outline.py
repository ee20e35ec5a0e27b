"""Reads an HTML page strictly: every tag closed in order; its ids, links, tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}


@dataclass
class Element:
    """A start tag with its attributes and the elements directly in it."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element] = field(default_factory=list)

    def all(self, *tags: str) -> list[Element]:
        """Return every element of these tags below this one, in document order."""
        found = [self] if self.tag in tags else []
        return found + [e for child in self.children for e in child.all(*tags)]


class Outline(HTMLParser):
    """The page's tree and its visible text. Raises AssertionError where a tag is left open."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("#document", {})
        self.open = [self.root]
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert [e.tag for e in self.open] == ["#document"], "tags left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> repeats an attribute"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-1].tag not in ("style", "script"):
            self.text.append(data)

    def all(self, *tags: str) -> list[Element]:
        """Return every element of these tags, in document order."""
        return self.root.all(*tags)

    def everything(self) -> list[Element]:
        """Return every element, in document order."""

        def walk(element: Element) -> list[Element]:
            return [element] + [e for child in element.children for e in walk(child)]

        return walk(self.root)

    def words(self) -> str:
        """Return the visible text with its white space collapsed."""
        return " ".join(" ".join(self.text).split())
