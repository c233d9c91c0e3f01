"""Text in a page that a program writes: a README whose figures come from the command that prints them."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.core.files import write_text


def write_between(path: Path, text: str, *, name: str = "tables") -> None:
    """Put ``text`` between ``<!-- name -->`` and the next ``<!-- end -->`` of a page.

    Raises:
        ValueError: the page does not hold the two markers exactly once.
    """
    page = path.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    written, found = pattern.subn(lambda markers: f"{markers[1]}{text.strip()}\n{markers[2]}", page)
    if found != 1:
        raise ValueError(f"{path} holds '<!-- {name} --> ... <!-- end -->' {found} times; it must once")
    write_text(path, written)
