"""What the stage prepare leaves behind, and how the later stages read it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.head_fitting import load_heads, notes_of, save_heads
from holdfast.core.errors import UserError
from holdfast.core.files import read_json, whole_folder, write_json
from holdfast.core.protocols import Head
from holdfast.data.card import OBJECTIVES, DatasetCard, Objective, card_from_dict
from holdfast.data.encoded import EncodedWindow, load_window
from holdfast.data.encoder import Encoder, load_encoder
from holdfast.data.log import Log, local_days, write_rows
from holdfast.data.preparation import Prepared
from holdfast.data.splits import Window, window_from_dict

SUMMARY_FILE = "summary.json"
TEST_ROWS_FILE = "rows_test.parquet"
AUGMENTED = "train_augmented"
REFERENCE_ROWS_FILE = "rows_{window}.parquet"
REFERENCE_WINDOWS = ("train", "validation")
MOST_REFERENCE_ROWS = 300_000
"""Of a window's rows so many, the latest, are kept for a reference to watch later days against."""


@dataclass(frozen=True)
class PreparedRun:
    """The prepared windows of a run, read when asked for."""

    folder: Path

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """Counts, windows, card and fingerprint, in plain containers."""
        path = self.folder / SUMMARY_FILE
        if not path.is_file():
            raise UserError(f"{self.folder} holds no prepared windows; run the stage prepare first")
        summary: dict[str, Any] = read_json(path)
        if not isinstance(summary, dict) or not {"objectives", "card", "windows", "log"} <= set(summary):
            raise UserError(f"{path} is damaged: it lacks what the stage prepare wrote; prepare again")
        return summary

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives that this run predicts, in the order of the outcome arrays."""
        return tuple(self.summary["objectives"])

    @property
    def card(self) -> DatasetCard:
        """The card of the log."""
        return card_from_dict(self.summary["card"], where=str(self.folder / SUMMARY_FILE))

    @property
    def bounds(self) -> dict[str, Window]:
        """Where the windows lie in time."""
        return {name: window_from_dict(values["window"]) for name, values in self.summary["windows"].items()}

    @property
    def history_features(self) -> tuple[str, ...]:
        """The inputs that are trailing counts and rates."""
        return tuple(self.summary["history_features"])

    def window(self, name: str, *, memory_map: bool = False) -> EncodedWindow:
        """An encoded window: train, validation or test."""
        return load_window(self.folder / name, memory_map=memory_map)

    def learned_window(self) -> EncodedWindow:
        """The rows that the model is trained on: the train window, or what drifts made of it."""
        augmented = (self.folder / AUGMENTED).is_dir()
        return self.window(AUGMENTED if augmented else "train", memory_map=True)

    def encoder(self) -> Encoder:
        """The encoder, as it was fitted on the train window."""
        return load_encoder(self.folder / "encoder")

    def heads(self, asked: Mapping[str, Head]) -> dict[str, Head]:
        """The configured heads of the run's objectives, with what was fitted on the train window."""
        return load_heads(self.folder, asked, self.objectives)

    def reference_rows(self) -> dict[str, pd.DataFrame]:
        """Raw rows to watch later days against, by window; empty for runs of before they were kept."""
        paths = {name: self.folder / REFERENCE_ROWS_FILE.format(window=name) for name in REFERENCE_WINDOWS}
        return {name: pd.read_parquet(path) for name, path in paths.items() if path.is_file()}

    @property
    def unused_parts(self) -> tuple[str, ...]:
        """What of the model has nothing to do on the log, in words; runs of before do not tell."""
        return tuple(self.summary.get("unused_parts", ()))

    def test_rows(self) -> pd.DataFrame:
        """Raw rows of the test window, as the encoder reads them."""
        return pd.read_parquet(self.folder / TEST_ROWS_FILE)


def save_prepared(
    folder: Path,
    log: Log,
    prepared: Prepared,
    *,
    heads: Mapping[str, Head],
    history_features: list[str],
    dropped: Mapping[str, str],
    unused: Sequence[str] = (),
    learned: EncodedWindow | None = None,
) -> PreparedRun:
    """Write everything that later stages need, whole or not at all.

    ``unused`` tells what of the model has nothing to do on the log; ``learned`` are the rows that the model
    is trained on, where they are not the train window's.
    """
    first = next(iter(prepared.windows.values()))
    with whole_folder(folder) as temporary:
        for name, window in prepared.windows.items():
            window.save(temporary / name)
        if learned is not None and learned is not prepared.windows["train"]:
            learned.save(temporary / AUGMENTED)
        prepared.encoder.save(temporary / "encoder")
        save_heads(temporary, heads)
        write_rows(temporary / TEST_ROWS_FILE, prepared.rows["test"])
        for name in REFERENCE_WINDOWS:
            rows = prepared.rows[name].iloc[-MOST_REFERENCE_ROWS:]
            write_rows(temporary / REFERENCE_ROWS_FILE.format(window=name), rows)
        summary = {
            "objectives": list(first.objectives),
            "dropped_heads": dict(dropped),
            "unused_parts": list(unused),
            "head_notes": notes_of(heads),
            "unknown_in_validation": [
                name
                for index, name in enumerate(first.objectives)
                if not prepared.windows["validation"].known[:, index].any()
            ],
            "card": log.card.to_dict(),
            "fingerprint": log.fingerprint(),
            "history_features": history_features,
            "log": {
                "rows": len(log),
                "users": int(log.frame["user_id"].nunique()),
                "items": int(log.frame["item_id"].nunique()),
                "requests": int(log.frame["request_id"].nunique()),
                "first": log.frame["shown_at"].min().isoformat(),
                "first_day": first_day(log),
                "observed_until": log.observed_until.isoformat(),
                "policies": policies(log.frame),
                "with_propensity": share_with_propensity(log.frame),
            },
            "quarantined": quarantined_by_rule(log),
            "windows": {
                name: {
                    "window": prepared.bounds[name].to_dict(),
                    "rows": len(window),
                    "users": len(np.unique(window.user)),
                    "requests": len(np.unique(window.request)),
                    "matured_share": prepared.maturity[name],
                }
                for name, window in prepared.windows.items()
            },
        }
        write_json(temporary / SUMMARY_FILE, summary)
    return PreparedRun(folder)


def first_day(log: Log) -> int:
    """The first local day on which anybody was seen, as days since 1970-01-01."""
    days = [log.local_days()]
    if log.visits is not None and len(log.visits):
        days.append(local_days(log.visits["visited_at"], log.card.time_zone))
    return int(min(each.min() for each in days))


def policies(frame: pd.DataFrame) -> dict[str, int]:
    """Rows by the name of the policy that logged them; 'unknown' where the log does not say."""
    if "policy" not in frame:
        return {"unknown": len(frame)}
    counts = frame["policy"].astype("string").fillna("unknown").value_counts()
    return {str(name): int(rows) for name, rows in counts.items()}


def share_with_propensity(frame: pd.DataFrame) -> float:
    """Share of the rows that have a logged propensity, in [0, 1]."""
    return float(frame["propensity"].notna().mean()) if "propensity" in frame and len(frame) else 0.0


def quarantined_by_rule(log: Log) -> dict[str, int]:
    """Rows set aside, by the rule that they broke."""
    if log.quarantined is None or len(log.quarantined) == 0:
        return {}
    return {str(rule): int(rows) for rule, rows in log.quarantined["rule"].value_counts().items()}


def usable_heads(
    asked: Mapping[str, object], card: DatasetCard
) -> tuple[tuple[Objective, ...], dict[str, str]]:
    """The heads that a log can teach, and why the others are left out.

    Raises:
        UserError: none is left, or a head is of no known objective.
    """
    unknown = [name for name in asked if name not in OBJECTIVES]
    if unknown:
        raise UserError(f"model.heads has {unknown}; heads are named by objective: {list(OBJECTIVES)}")
    kept = tuple(objective for objective in OBJECTIVES if objective in asked and objective in card.outcomes)
    dropped = {
        name: f"the log {card.name!r} declares no {name}" for name in asked if name not in card.outcomes
    }
    if not kept:
        raise UserError(
            f"none of the heads {list(asked)} can be trained: the log {card.name!r} declares {card.outcomes}"
        )
    return kept, dropped
