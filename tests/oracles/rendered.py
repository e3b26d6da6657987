"""Markdown as a reader meets it: rendered by markdown-it, then read by the standard library's HTML parser."""

from __future__ import annotations

from html.parser import HTMLParser

from markdown_it import MarkdownIt

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])  # raw HTML is let through, which is the worst case


class Rendered(HTMLParser):
    """The tags with the names of their attributes, the text, and the cells of every row of every table."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text, self.inside = "", False
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag, and begin a row or a cell."""
        self.tags.append(" ".join([tag, *(name for name, _ in attrs)]))
        self.rows += [[]] if tag == "tr" else []
        if tag in {"td", "th"}:
            self.inside = True
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data
        if self.inside:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        """What follows a table is in no cell."""
        self.inside = self.inside and tag not in {"td", "th"}


def rendered(markdown: str) -> Rendered:
    """Markdown as a browser would meet it."""
    page = Rendered()
    page.feed(GITHUB.render(markdown))
    page.close()
    return page
