from __future__ import annotations

import pytest

from holdfast.core.marked_text import write_between


def test_only_what_is_between_the_markers_changes(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- one -->\nold\n<!-- end -->\nmid\n<!-- two -->\nkept\n<!-- end -->\n")
    write_between(page, "new \\1 figures\n", name="one")
    expected = "before\n<!-- one -->\nnew \\1 figures\n<!-- end -->\nmid\n<!-- two -->\nkept\n<!-- end -->\n"
    assert page.read_text() == expected
    write_between(page, "new \\1 figures", name="one")
    assert page.read_text() == expected


@pytest.mark.parametrize("text", ["no markers", "<!-- tables -->\n<!-- end -->\n" * 2])
def test_a_page_without_its_place_is_refused(tmp_path, text):
    page = tmp_path / "README.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="times; it must once"):
        write_between(page, "figures")
    assert page.read_text() == text
