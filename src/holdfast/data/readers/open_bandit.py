"""Reader of the Open Bandit Dataset (Saito et al., 2020): clicks on fashion with true propensities.

N rows, A items of a campaign.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.data.contract import accept
from holdfast.data.faults import check_on_bad_rows
from holdfast.data.log import Log
from holdfast.data.readers.shipped_card import card_for
from holdfast.data.readers.tables import (
    existing_root,
    first_file,
    flags,
    read_arrow,
    read_table,
    require_columns,
    to_frame,
)

DATASET = "open_bandit"
POLICIES = ("random", "bts")
CAMPAIGNS = ("all", "men", "women")
# The owner's text calls it action_prob, the files propensity_score.
PROPENSITY = ("propensity_score", "action_prob")
USER_FEATURES = tuple(f"user_feature_{index}" for index in range(4))
ITEM_FEATURES = tuple(f"item_feature_{index}" for index in range(4))
AFFINITY = "user-item_affinity_"


@dataclass(frozen=True, kw_only=True)
class OpenBandit:
    """The Open Bandit Dataset: two policies that ran side by side, on one of three campaigns.

    No user and no request is identified, so every row is its own request and its own user.

    Attributes:
        root: the folder that holds ``random/<campaign>/<campaign>.csv`` and the like as published; files
            ``random_<campaign>.parquet`` with ``random_<campaign>_item_context.csv`` are read as well.
        policy: ``random`` (uniform), ``bts`` (Bernoulli Thompson sampling) or ``both``.
        campaign: ``all``, ``men`` or ``women``.
        on_bad_rows: ``refuse``, or ``quarantine`` to set aside rows that break the contract.
        card: a dataset card of your own; None for the dataset's.
    """

    root: str
    policy: str = "both"
    campaign: str = "all"
    on_bad_rows: str = "refuse"
    card: str | None = None

    def __post_init__(self) -> None:
        check_on_bad_rows(self.on_bad_rows)
        if self.policy not in (*POLICIES, "both"):
            raise ValueError(f"policy is {self.policy!r}; choose from {[*POLICIES, 'both']}")
        if self.campaign not in CAMPAIGNS:
            raise ValueError(f"campaign is {self.campaign!r}; choose from {list(CAMPAIGNS)}")

    def read(self) -> Log:
        """Read the rounds of the policies asked for.

        Raises:
            UserError: files are missing, or the log breaks the contract.
        """
        root = existing_root(self.root, dataset=DATASET)
        card = card_for(DATASET, self.card)
        policies = POLICIES if self.policy == "both" else (self.policy,)
        # The hashes of item features differ between the policies' files: always use the same file's.
        context = read_table(first_file(self._contexts(root), dataset=DATASET), dataset=DATASET)
        frame = pd.concat([self._rounds(root, policy) for policy in policies], ignore_index=True)
        frame["request_id"] = frame["user_id"] = np.arange(len(frame), dtype=np.int64)
        place = pd.Index(context["item_id"]).get_indexer(pd.Index(frame["item_id"]))
        joined = context[list(ITEM_FEATURES)].reindex(place).reset_index(drop=True)
        # The log was cut at the end of a day.
        end = frame["shown_at"].max().normalize() + pd.Timedelta(1, "D")
        return accept(
            pd.concat([frame, joined], axis=1),
            card,
            observed_until=end,
            on_bad_rows=self.on_bad_rows,
            where=f"at {root}",
        )

    def _contexts(self, root: Path) -> list[Path]:
        as_published = [root / policy / self.campaign / "item_context.csv" for policy in POLICIES]
        return [*as_published, *(root / f"{policy}_{self.campaign}_item_context.csv" for policy in POLICIES)]

    def _rounds(self, root: Path, policy: str) -> pd.DataFrame:
        published = root / policy / self.campaign / f"{self.campaign}.csv"
        path = first_file([published, root / f"{policy}_{self.campaign}.parquet"], dataset=DATASET)
        table = _read_rounds(path)
        propensity = next((name for name in PROPENSITY if name in table), PROPENSITY[0])
        wanted = ("timestamp", "item_id", "position", "click", propensity, *USER_FEATURES)
        require_columns(path, table.columns.tolist(), wanted, dataset=DATASET)
        try:
            shown_at = pd.to_datetime(table["timestamp"], utc=True, format="ISO8601")
        except ValueError as error:
            raise UserError(f"{path}: the column timestamp is not a moment in every row ({error})") from error
        return pd.DataFrame(
            {
                "item_id": table["item_id"],
                "shown_at": shown_at,
                "slot": table["position"] - 1,
                "propensity": table[propensity],
                "policy": pd.Series([policy] * len(table), dtype="str"),
                "click": flags(table["click"]),
                **{name: table[name] for name in USER_FEATURES},
                "affinity": _affinity_of_shown(table),
            }
        )


def _read_rounds(path: Path) -> pd.DataFrame:
    if path.suffix != ".csv":
        return to_frame(read_arrow(path, dataset=DATASET))
    try:
        # Moments stay text: what Arrow makes of them depends on the first block of the file.
        options = pa_csv.ConvertOptions(column_types={"timestamp": pa.string()})
        return to_frame(pa_csv.read_csv(path, convert_options=options))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"cannot read {path} as CSV ({error}); copy it again") from error


def _affinity_of_shown(table: pd.DataFrame) -> Floats:
    """Past clicks of the row's user on the row's item, ``[N]``; NaN for an item without such a column."""
    item = table["item_id"].to_numpy(dtype=np.int64, na_value=-1)
    names = [name for name in table if str(name).startswith(AFFINITY)]
    of_item = {int(str(name).removeprefix(AFFINITY)): place for place, name in enumerate(names)}
    column_of = np.full(max(of_item, default=0) + 1, -1)
    for number, place in of_item.items():
        column_of[number] = place
    inside = (item >= 0) & (item < len(column_of))
    column = np.where(inside, column_of[np.where(inside, item, 0)], -1)
    affinity = np.full(len(table), np.nan)
    if names:
        rows = np.flatnonzero(column >= 0)
        affinity[rows] = table[names].to_numpy(dtype=np.float64, na_value=np.nan)[rows, column[rows]]
    return affinity
