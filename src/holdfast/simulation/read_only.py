"""What a policy is shown: arrays of the world that it can read and cannot change."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

Shown = TypeVar("Shown")


def read_only(shown: Shown) -> Shown:
    """The same dataclass with read-only views of its arrays, those of dataclasses within it included.

    Nothing is copied: the cost does not depend on the length of the arrays. Writing to a view raises the
    ``ValueError`` of NumPy, which says that it is read-only.

    Raises:
        TypeError: it is not a dataclass.
    """
    if not is_dataclass(shown) or isinstance(shown, type):
        raise TypeError(f"{shown!r} is not a dataclass")
    views: dict[str, Any] = {}
    for each in fields(shown):
        value = getattr(shown, each.name)
        if isinstance(value, np.ndarray):
            view = value.view()
            view.flags.writeable = False
            views[each.name] = view
        elif is_dataclass(value) and not isinstance(value, type):
            views[each.name] = read_only(value)
    return replace(shown, **views)
