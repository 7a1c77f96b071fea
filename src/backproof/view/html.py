"""HTML written by functions, so that everything from outside is escaped unless it is HTML already."""

import re
from html import escape

Content = str | None


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: Content, **attributes: str | int | bool | None) -> Html:
    """An element around its children; plain text among them is escaped, None is left out.

    A trailing underscore of an attribute's name is dropped, another becomes a hyphen: `class_`, `aria_label`.
    True gives the bare attribute; False and None leave it out.

    >>> element("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    opening = tag
    for key, value in attributes.items():
        if value is not None and value is not False:
            name = key.rstrip("_").replace("_", "-")
            opening += f" {name}" if value is True else f' {name}="{escape(str(value))}"'
    if tag in ("img", "input"):
        return Html(f"<{opening}>")
    return Html(f"<{opening}>{join(*children)}</{tag}>")


def join(*children: Content) -> Html:
    """Children side by side; plain text is escaped."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child is not None))


def script_data(identity: str, json: str) -> Html:
    """JSON for the page's script, written so that nothing in it can end the element."""
    safe = json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Html(f'<script type="application/json" id="{escape(identity)}">{safe}</script>')


def identity(*words: object) -> str:
    """An element's id made of words.

    >>> identity("run", 0, "Time of each node")
    'run-0-time-of-each-node'
    """
    return re.sub(r"[^a-z0-9]+", "-", " ".join(map(str, words)).lower()).strip("-")


def section(title: str, *children: Content, note: Content = None) -> Html:
    """A chapter of the page."""
    explained = element("p", note, class_="note") if note else None
    return element("section", element("h2", title), explained, *children)


def folded(title: Content, *children: Content) -> Html:
    """Content that opens on a click."""
    return element("details", element("summary", title), *children)
