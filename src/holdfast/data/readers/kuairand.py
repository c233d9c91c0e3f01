"""Reader of KuaiRand, a log of short videos of which some were shown at random (Gao et al., 2022).

N rows of the log, V videos, U users.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.core.errors import UserError
from holdfast.data.card import DatasetCard
from holdfast.data.contract import accept
from holdfast.data.faults import check_on_bad_rows
from holdfast.data.log import Log, local_midnight
from holdfast.data.readers.kuairand_side_tables import join_users, join_videos
from holdfast.data.readers.shipped_card import card_for
from holdfast.data.readers.tables import (
    existing_root,
    first_file,
    flags,
    read_table,
    stream_integers,
    where_to_get,
)
from holdfast.data.readers.visits import active_days, merge_active_days, next_visits, visits_of

DATASET = "kuairand"
VARIANTS = ("pure", "1k", "27k")
ROWS = ("all", "random", "standard")
LOG_COLUMNS = ("user_id", "video_id", "time_ms", "is_click", "play_time_ms", "is_rand", "tab")
NUM_RANDOM_POOL = 7583
"""Videos among which the random policy drew, each with equal chance."""


@dataclass(frozen=True, kw_only=True)
class KuaiRand:
    """KuaiRand as published, CSV or Parquet: the logs and the tables of users and videos.

    Attributes:
        root: the folder with the files, or the one above its ``data``.
        variant: ``pure`` (videos of the random pool only), ``1k`` or ``27k`` (all that the users saw).
        rows: ``random`` for the rows shown at random, whose propensity is known; ``standard`` for the rest;
            ``all``. Return visits are counted from all rows in any case.
        tabs: keep only rows of these tabs; None for all. What a click means depends on the tab.
        on_bad_rows: ``refuse``, or ``quarantine`` to set aside rows that break the contract.
        card: a dataset card of your own; None for the dataset's, less retention for ``pure``.
    """

    root: str
    variant: str = "1k"
    rows: str = "all"
    tabs: list[int] | None = None
    on_bad_rows: str = "refuse"
    card: str | None = None

    def __post_init__(self) -> None:
        check_on_bad_rows(self.on_bad_rows)
        if self.variant not in VARIANTS:
            raise ValueError(f"variant is {self.variant!r}; choose from {list(VARIANTS)}")
        if self.rows not in ROWS:
            raise ValueError(f"rows is {self.rows!r}; choose from {list(ROWS)}")
        if self.tabs is not None and not self.tabs:
            raise ValueError("tabs is empty, which keeps nothing; name tabs from 0 to 14, or null for all")

    def read(self) -> Log:
        """Read the rows asked for, with the features that the card names.

        Raises:
            UserError: files are missing, or the log breaks the contract.
        """
        root = existing_root(self.root, dataset=DATASET)
        folder = root / "data" if (root / "data").is_dir() else root
        card = self._card()
        # Side tables first: a missing one is told before the large files are read.
        users = read_table(self._side_table(folder, "user_features"), dataset=DATASET)
        videos = read_table(self._side_table(folder, "video_features_basic"), dataset=DATASET)
        kept, days = [], []
        for piece in self._pieces(folder):
            unknown = int((~piece["is_rand"].isin([0, 1])).sum())
            if unknown:
                raise UserError(
                    f"{unknown} rows at {folder} have an is_rand that is neither 0 nor 1, so it is not known "
                    "whether chance chose them; copy the files again"
                )
            seen = piece[["user_id", "time_ms"]].dropna()
            days.append(active_days(seen["user_id"], _moments(seen["time_ms"]), time_zone=card.time_zone))
            kept.append(self._select(piece))
        visits = merge_active_days(days)
        frame = _contract_columns(pd.concat(kept, ignore_index=True), card)
        if "retention" in card.outcomes:
            frame["next_visit_at"] = next_visits(
                frame["user_id"], frame["shown_at"], visits, time_zone=card.time_zone
            )
        frame = join_videos(join_users(frame, users, card), videos, card)
        return accept(
            frame,
            card,
            # The log was cut at the end of a day.
            observed_until=local_midnight(int(visits["day"].max()) + 1, card.time_zone),
            on_bad_rows=self.on_bad_rows,
            where=f"at {folder}",
            # Whatever rows are kept, all of them tell when users were here.
            visits=visits_of(visits),
        )

    def _card(self) -> DatasetCard:
        card = card_for(DATASET, self.card)
        if self.variant == "pure" and "retention" in card.outcomes:
            if self.card is not None:
                raise UserError(
                    f"{self.card}: KuaiRand-Pure holds the random pool's videos only, so the gaps between a "
                    "user's rows are not gaps between visits; take retention off the card, or use 1k or 27k"
                )
            card = replace(card, outcomes=tuple(each for each in card.outcomes if each != "retention"))
        if self.rows == "standard":
            card = replace(card, propensity_of=None)
        return replace(card, name=f"{card.name}-{self.variant}") if self.card is None else card

    def _side_table(self, folder: Path, name: str) -> Path:
        stem = f"{name}_{self.variant}"
        return first_file([folder / f"{stem}.csv", folder / f"{stem}.parquet"], dataset=DATASET)

    def _pieces(self, folder: Path) -> Iterator[pd.DataFrame]:
        patterns = [f"log_standard_*_{self.variant}*", f"log_random_*_{self.variant}*"]
        for pattern in patterns:
            paths = sorted(path for path in folder.glob(pattern) if path.suffix in (".csv", ".parquet"))
            if not paths:
                raise UserError(f"found no {folder / pattern}.csv; {where_to_get(DATASET)}")
            for path in paths:
                yield from stream_integers(path, LOG_COLUMNS, dataset=DATASET)

    def _select(self, piece: pd.DataFrame) -> pd.DataFrame:
        keep = np.ones(len(piece), dtype=bool)
        if self.rows != "all":
            keep &= (piece["is_rand"] == int(self.rows == "random")).to_numpy(dtype=bool, na_value=False)
        if self.tabs is not None:
            keep &= piece["tab"].isin(self.tabs).to_numpy(dtype=bool, na_value=False)
        return piece[keep]


def _moments(time_ms: pd.Series) -> pd.Series:
    return pd.to_datetime(time_ms, unit="ms", utc=True).astype("datetime64[us, UTC]")


def _contract_columns(log: pd.DataFrame, card: DatasetCard) -> pd.DataFrame:
    """The log in the contract's words; a request is what one user was shown at one moment, ``[N]``."""
    shown_at = _moments(log["time_ms"])
    clicks = flags(log["is_click"])
    clicked = (log["is_click"] == 1).to_numpy(dtype=bool, na_value=False)
    drawn = (log["is_rand"] == 1).to_numpy(dtype=bool, na_value=False)
    return pd.DataFrame(
        {
            "request_id": log.groupby(["user_id", "time_ms"], sort=False, dropna=False).ngroup(),
            "user_id": log["user_id"],
            "item_id": log["video_id"],
            "shown_at": shown_at,
            "propensity": np.where(drawn, 1.0 / NUM_RANDOM_POOL, np.nan),
            "policy": pd.Series(np.where(drawn, "random", "standard"), dtype="str"),
            "click": clicks,
            # No content_seconds: replays let play time exceed the video's length.
            "dwell_seconds": (log["play_time_ms"].astype("float64") / 1000.0).where(clicked),
            "tab": log["tab"],
            "hour": shown_at.dt.tz_convert(card.time_zone).dt.hour,
        }
    )
