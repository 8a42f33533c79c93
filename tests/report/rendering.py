"""Markdown as GitHub's own renderer reads it, and what a forge would make of the text in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

VOID = {"br", "hr", "img", "input"}
SILENT = {"code", "pre", "a"}
"""Where no forge looks for mentions and references."""

FOUND_IN_TEXT = re.compile(
    r"""@\w|\#\d|!\d|(?<![\w)])[~$]\w|%[\w{]|&\d|GH-\d|\w-\d|\b[0-9a-f]{7,40}\b|:[\w+-]+:|\w@\w|://|www\.
    |\{[+-]|\[[\[+-]|\$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Mentions, references of both forges, commits, emoji, addresses, inline diffs, formulas."""


@dataclass
class Page(HTMLParser):
    """What a rendered comment is made of.

    ``structure`` are its elements in order without inline code (how much of a sentence is code depends on its
    words), ``deepest`` how far sections nest.
    """

    markdown: str
    structure: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    blocks: list[tuple[str, str]] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
        self.feed(github_flavored_markdown_to_html(self.markdown, options))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "code":
            self.structure.append(f"<{tag}>")
        if tag not in VOID:
            self._open.append(tag)
        if tag == "summary":
            self.summaries.append("")
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
        elif tag == "pre":
            self.blocks.append((dict(attrs).get("lang") or "", ""))
        elif tag == "code" and "pre" not in self._open:
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag != "code":
            self.structure.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        self.text += data
        if "pre" in self._open:
            language, block = self.blocks[-1]
            self.blocks[-1] = (language, block + data)
        elif "code" in self._open:
            self.codes[-1] += data
        if not SILENT & set(self._open):
            self.loose.append(data)
        if "summary" in self._open:
            self.summaries[-1] += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def handed_to_the_forge(self) -> list[str]:
        """What a forge would turn into links, notifications and the like."""
        return [found[0] for text in self.loose for found in FOUND_IN_TEXT.finditer(text)]
