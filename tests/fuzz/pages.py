"""What a page of the dashboard has, as a browser reads it."""

from __future__ import annotations

from html.parser import HTMLParser

from baton_ping_monitor.web.security import HEADERS
from fuzz.site import Answer

MARK = "xss"
"""What a hostile text calls the elements and attributes that it would like to have."""
HOSTILE = f"""'"><{MARK} on{MARK}=1>{{{{7*7}}}}</script><!--"""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)
        for name, value in attrs:
            if name in ("href", "src", "action") and ":" in (value or "").partition("/")[0]:
                self.inline.append(f"{tag} {name}={value}")


def check_answer(answer: Answer) -> None:
    """It is a whole answer that nobody need be ashamed of, and safe to look at."""
    assert 200 <= answer.status < 500, (answer.status, answer.body[:500])
    for name, value in HEADERS.items():
        assert answer.headers.get(name.lower()) == value, name
    for name, value in answer.headers.items():
        assert {"\r", "\n"}.isdisjoint(value), name
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        check_page(answer.body.decode())


def check_page(page: str) -> None:
    """Nobody's text has become an element, an attribute, or a link to elsewhere."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not [each for each in reader.elements if each.startswith(MARK)], "an element"
    assert not [each for each in reader.attributes if each.startswith("on")], "a handler"
    assert not [each for each in reader.inline if "javascript" in each.lower()], reader.inline
    assert "style" not in reader.elements
