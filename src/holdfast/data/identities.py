"""Users or items as numbers from 0, in the order in which they were first seen.

N rows, I identities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError


class Identities:
    """A growing set of ids, integers or text, of which each keeps its number.

    Args:
        name: column of the ids, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._index: pd.Index | None = None
        self._kind: str | None = None

    def __len__(self) -> int:
        return 0 if self._index is None else len(self._index)

    @property
    def ids(self) -> NDArray[Any]:
        """The id of each number, int64 or object ``[I]``."""
        return np.zeros(0, dtype=np.int64) if self._index is None else self._index.to_numpy()

    def added(self, ids: pd.Series) -> Ints:
        """The number of each id, -1 for a null, int64 ``[N]``; new ids get the next numbers.

        Raises:
            UserError: see ``found``.
        """
        codes, keys = self._distinct(ids)
        if self._index is None:
            if len(keys) == 0:
                return codes
            self._index = pd.Index(keys)
        else:
            new = self._index.get_indexer(pd.Index(keys, dtype=keys.dtype)) < 0
            if new.any():
                self._index = pd.Index(np.concatenate([self._index.to_numpy(), keys[new]]))
        return self._numbers(codes, keys)

    def found(self, ids: pd.Series) -> Ints:
        """The number of each id, -1 where it is null or was never added, int64 ``[N]``.

        Raises:
            UserError: the ids are neither integers nor text, or not what was added before: 7 and "7" are two
                identities, and none would ever be found.
        """
        return self._numbers(*self._distinct(ids))

    def _numbers(self, codes: Ints, keys: NDArray[Any]) -> Ints:
        number = np.full(len(keys) + 1, -1, dtype=np.int64)
        if self._index is not None and len(keys):
            number[:-1] = self._index.get_indexer(pd.Index(keys, dtype=keys.dtype))
        return np.asarray(number[codes])  # The code of a null is -1, the last place.

    def _distinct(self, ids: pd.Series) -> tuple[Ints, NDArray[Any]]:
        codes, uniques = pd.factorize(ids)
        keys, found = self._keys(np.asarray(uniques))
        if len(keys):
            if self._kind not in (None, found):
                raise UserError(
                    f"{self._name} holds {found} here and {self._kind} before; 7 and '7' are two identities, "
                    "so write all of them in one way"
                )
            self._kind = found
        return codes.astype(np.int64, copy=False), keys

    def _keys(self, uniques: NDArray[Any]) -> tuple[NDArray[Any], str]:
        if types.is_integer_dtype(uniques.dtype):
            return uniques.astype(np.int64), "integers"
        keys = uniques.astype(object)
        found = types.infer_dtype(keys)
        if found == "integer":
            return keys.astype(np.int64), "integers"
        if found not in ("string", "empty"):
            raise UserError(f"{self._name} holds {found} values; ids are integers or text")
        return keys, "text"
