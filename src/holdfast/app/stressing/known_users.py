"""Who was there in the clean window, so that resamples of users stay paired in every other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.evaluation.robustness.linearised import Users


@dataclass(frozen=True)
class KnownUsers:
    """The users of the clean window, in the order of their codes.

    Attributes:
        user_ids: ``[U]``.
    """

    user_ids: pd.Index

    def of(self, user_id: pd.Series) -> Users:
        """Users of other rows ``[N]``: those of the clean window keep their codes, the others follow."""
        code: Ints = np.array(self.user_ids.get_indexer(pd.Index(user_id)), dtype=np.int64)
        new = code < 0
        if new.any():
            code[new] = len(self.user_ids) + pd.factorize(user_id.to_numpy()[new])[0]
        return Users(code, max(len(self.user_ids), int(code.max(initial=-1)) + 1))


def known_users(user_id: pd.Series, codes: Ints) -> KnownUsers:
    """The users of the clean window.

    Args:
        user_id: of each row, ``[N]``.
        codes: of their users, 0 to U - 1, ``[N]``.
    """
    names = pd.Series(user_id.to_numpy(), index=codes)
    names = names[~names.index.duplicated()].sort_index()
    return KnownUsers(pd.Index(names.to_numpy()))
