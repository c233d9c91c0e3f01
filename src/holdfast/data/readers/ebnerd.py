"""Reader of EB-NeRD, a log of Danish news (Kruse et al., 2024): click, reading time, return.

M impressions of a page, each with a list of articles in view; N (impression, article) pairs; A articles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_datetime64_any_dtype

from holdfast.core.arrays import Bools, Ints
from holdfast.core.errors import UserError
from holdfast.data.card import DatasetCard
from holdfast.data.contract import accept
from holdfast.data.faults import check_on_bad_rows
from holdfast.data.log import Log
from holdfast.data.readers.reading_history import all_reads, reads_before
from holdfast.data.readers.shipped_card import card_for
from holdfast.data.readers.tables import existing_root, first_file, read_arrow, to_frame
from holdfast.data.readers.visits import active_days, merge_active_days, next_visits, visits_of

DATASET = "ebnerd"
# Never read_time, scroll_percentage or next_scroll_percentage: they are known only afterwards.
BEHAVIORS = (
    "impression_id",
    "article_id",
    "impression_time",
    "device_type",
    "article_ids_inview",
    "article_ids_clicked",
    "user_id",
    "is_sso_user",
    "gender",
    "postcode",
    "age",
    "is_subscriber",
    "next_read_time",
)
# Never total_inviews, total_pageviews or total_read_time: they are totals over all time.
ARTICLES = ("category", "subcategory", "topics", "premium", "article_type", "sentiment_label")
ARTICLE_AGE = "article_age_hours"


@dataclass(frozen=True, kw_only=True)
class EbNerd:
    """The Ekstra Bladet News Recommendation Dataset, as published.

    One row per article in view, so ``slot`` is null: what the order of the list means is not documented. The
    timestamps carry no time zone and are taken as UTC.

    Attributes:
        root: a folder with ``behaviors.parquet`` and ``history.parquet``, or with ``train`` and
            ``validation`` folders that hold them (both are read); ``articles.parquet`` in it, or in the
            folder above, adds what is known of the articles.
        on_bad_rows: ``refuse``, or ``quarantine`` to set aside rows that break the contract.
        card: a dataset card of your own; None for the dataset's, less the article features where
            ``articles.parquet`` is missing.
    """

    root: str
    on_bad_rows: str = "refuse"
    card: str | None = None

    def __post_init__(self) -> None:
        check_on_bad_rows(self.on_bad_rows)

    def read(self) -> Log:
        """Read all behaviors, one row per article in view.

        Raises:
            UserError: files are missing, or the log breaks the contract.
        """
        root = existing_root(self.root, dataset=DATASET)
        card = card_for(DATASET, self.card)
        articles_file = next(
            (
                path
                for path in (root / "articles.parquet", root.parent / "articles.parquet")
                if path.is_file()
            ),
            None,
        )
        if articles_file is None and self.card is None:
            of_articles = {*ARTICLES, ARTICLE_AGE}
            card = replace(card, features=tuple(f for f in card.features if f.name not in of_articles))
        parts, read_days = zip(*(_read_part(folder, card) for folder in _folders(root)), strict=True)
        frame = pd.concat(parts, ignore_index=True)
        days = active_days(frame["user_id"], frame["shown_at"], time_zone=card.time_zone)
        frame["next_visit_at"] = next_visits(
            frame["user_id"], frame["shown_at"], days, time_zone=card.time_zone
        )
        if articles_file is not None:
            frame = _join_articles(frame, articles_file, card)
        return accept(
            frame,
            card,
            observed_until=frame["shown_at"].max() + pd.Timedelta(1, "us"),
            on_bad_rows=self.on_bad_rows,
            where=f"at {root}",
            # Whoever read an article was here: recency and frequency reach back before the first impression.
            visits=visits_of(merge_active_days([days, *read_days])),
        )


def _folders(root: Path) -> list[Path]:
    splits = [
        root / name for name in ("train", "validation") if (root / name / "behaviors.parquet").is_file()
    ]
    if splits:
        return splits
    candidates = [folder / "behaviors.parquet" for folder in (root, root / "train", root / "validation")]
    return [first_file(candidates, dataset=DATASET).parent]


def _read_part(folder: Path, card: DatasetCard) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one split, with the reading history written for them, and the active days it tells of."""
    table = read_arrow(folder / "behaviors.parquet", columns=BEHAVIORS, dataset=DATASET)
    impressions = _impressions(table, card)
    history = first_file([folder / "history.parquet"], dataset=DATASET)
    reads = read_arrow(
        history, columns=("user_id", "impression_time_fixed", "article_id_fixed"), dataset=DATASET
    )
    max_length = next((each.max_length for each in card.features if each.name == "history"), 0)
    if max_length:
        impressions["history"] = reads_before(
            impressions["user_id"], impressions["shown_at"], reads, max_length=max_length
        )
    impression, article, clicked = _pairs(table)
    rows = impressions.take(impression).reset_index(drop=True)
    rows["item_id"], rows["click"] = article, clicked
    # Two clicks of one impression share one reading time; it belongs to neither for sure.
    num_clicks = np.bincount(impression[clicked], minlength=len(impressions))
    opened = clicked & (num_clicks[impression] == 1)
    rows["dwell_seconds"] = rows.pop("next_read_time").where(opened)
    read = all_reads(reads)
    read_at = read["read_at"].dt.tz_localize("UTC")
    return rows, active_days(read["user_id"], read_at, time_zone=card.time_zone)


def _impressions(table: pa.Table, card: DatasetCard) -> pd.DataFrame:
    """One row per impression, ``[M]``: identities, time, and features of user and context."""
    frame = to_frame(table.drop_columns(["article_ids_inview", "article_ids_clicked"]))
    shown_at = _utc(frame["impression_time"])
    # On the front page there is no current article.
    page = np.where(frame["article_id"].isna(), "front page", "article")
    return frame.drop(columns=["impression_time", "article_id"]).assign(
        request_id=frame["impression_id"],
        shown_at=shown_at,
        page=pd.Series(page, dtype="str"),
        hour=shown_at.dt.tz_convert(card.time_zone).dt.hour,
        next_read_time=frame["next_read_time"].astype("float64"),
    )


def _utc(moments: pd.Series) -> pd.Series:
    """The files carry no time zone; UTC is an assumption, which the card states."""
    if not is_datetime64_any_dtype(moments.dtype):
        raise UserError(f"column {moments.name} holds {moments.dtype}, not timestamps; copy the file again")
    zoned = moments.dt.tz_localize("UTC") if moments.dt.tz is None else moments
    return pd.Series(zoned.dt.tz_convert("UTC"))


def _pairs(table: pa.Table) -> tuple[Ints, Ints, Bools]:
    """Every article in view: its impression's place, its number, whether it was clicked; each ``[N]``.

    An article that was clicked was in view, also where the list does not say so.
    """
    row, article = _flat(table["article_ids_inview"])
    clicked_row, clicked_article = _flat(table["article_ids_clicked"])
    lowest = int(min(article.min(initial=0), clicked_article.min(initial=0)))
    width = int(max(article.max(initial=0), clicked_article.max(initial=0))) - lowest + 1
    key = row * width + (article - lowest)
    clicked_key = np.unique(clicked_row * width + (clicked_article - lowest))
    key = np.concatenate([key, np.setdiff1d(clicked_key, key)])
    key = key[np.argsort(key // width, kind="stable")]
    return key // width, key % width + lowest, np.isin(key, clicked_key)


def _flat(lists: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """A list column as (row, value) pairs."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    values = pc.list_flatten(lists).to_numpy().astype(np.int64)
    return np.repeat(np.arange(len(lengths), dtype=np.int64), lengths), values


def _join_articles(frame: pd.DataFrame, path: Path, card: DatasetCard) -> pd.DataFrame:
    wanted = [name for name in ARTICLES if any(each.name == name for each in card.features)]
    columns: Sequence[str] = ("article_id", "published_time", *wanted)
    articles = to_frame(read_arrow(path, columns=columns, dataset=DATASET))
    articles = articles.drop_duplicates("article_id", ignore_index=True)
    place = pd.Index(articles["article_id"].astype("int64")).get_indexer(pd.Index(frame["item_id"]))
    joined = articles.reindex(place).reset_index(drop=True)
    age = frame["shown_at"] - _utc(joined["published_time"])
    hours = age.dt.total_seconds() / 3600
    # Published after it was shown: published again, and the first time is not known.
    return frame.assign(**{name: joined[name] for name in wanted}, **{ARTICLE_AGE: hours.where(hours >= 0)})
