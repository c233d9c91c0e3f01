"""How strong each rung came out, in units that all drifts share.

N rows of the clean window, M rows of the drifted one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.stressing.scene import Predictions, Scene
from holdfast.app.stressing.world_window import DriftedWorld, WorldWindow
from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import generator
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import EncodedInputs
from holdfast.drift.injector import Drifted
from holdfast.drift.strength import domain_auc, mean_change, outcome_change
from holdfast.evaluation.robustness.judged_rows import JudgedRows
from holdfast.evaluation.robustness.linearised import Users

LEAST_ROWS = 20
"""With fewer rows than these on a side, an AUC says nothing."""
WEIGHTED = "effective_sample_size_of_weights"
LEFT = "effective_sample_size"
CHANGES = {"click": "click_change", "dwell": "dwell_change", "retention": "return_change"}
"""Of p(outcome | the model's own prediction), by head: chance, log seconds, share of returns."""


@dataclass(frozen=True)
class StrengthMeter:
    """Measures rungs against the clean window.

    Attributes:
        scene: with the clean window.
        rows: of the clean window that the classifier looks at, with what became of them; 0 for no strength.
        worlds: for the truth; None where the log comes from none.
    """

    scene: Scene
    rows: int
    worlds: DriftedWorld | None = None

    def has_measured(self, about: Mapping[str, Any]) -> bool:
        """Whether a rung that was kept says all that is asked here."""
        return not self.rows or about.get("strength_rows") == self.rows

    def of_rows(self, drifted: Drifted, encoded: EncodedWindow | None) -> dict[str, Any]:
        """Of injected drift; empty where strength is switched off.

        Args:
            drifted: raw, ``[M]``.
            encoded: the same, ``[M]``; None where no input changed.
        """
        if not self.rows:
            return {}
        with self.scene.seconds.on("strength"):
            found = {"strength_rows": self.rows, "domain_auc": self._told_apart(drifted, encoded)}
        size = drifted.figures.get(WEIGHTED, drifted.figures.get(LEFT))
        return found if size is None else {**found, "effective_sample_size": float(size)}

    def of_world(self, world: WorldWindow, predictions: Predictions) -> dict[str, Any]:
        """Of true drift: who comes, and p(outcome | prediction) on the world's truth.

        Args:
            world: the window of the world that ran again, ``[M]``.
            predictions: the ranker's for it, by output, ``[M]`` each.
        """
        if not self.rows or self.worlds is None:
            return {}
        scene = self.scene
        with scene.seconds.on("strength"):
            found = {
                "strength_rows": self.rows,
                "domain_auc": told_apart_by_user(
                    scene.window, scene.judged.users, world.encoded, world.users, num_users=self.rows
                ),
            }
            truth = self.worlds.clean_truth
            before = outcomes_of(truth, scene.judged)
            after = outcomes_of(world.truth, scene.judged_in(world.encoded, world.users))
            changes = {
                name: mean_change(
                    outcome_change(
                        np.asarray(scene.of_model[head], dtype=np.float64),
                        before[head],
                        new_score=np.asarray(predictions[head], dtype=np.float64),
                        new_outcome=after[head],
                    )
                )
                for head, name in CHANGES.items()
                if head in predictions and head in before and head in after
            }
        return {**found, **changes}

    def _told_apart(self, drifted: Drifted, encoded: EncodedWindow | None) -> float | None:
        """1/2 for the same rows with the same inputs, without a look at them."""
        clean, source = self.scene.window, drifted.rows.source
        if encoded is None and self.scene.source_of(drifted) is None:
            return 0.5
        looked_at = np.sort(generator(0, "stress strength").permutation(len(clean))[: self.rows])
        place = np.full(len(clean), -1, dtype=np.int64)
        place[looked_at] = np.arange(looked_at.size)
        chosen = np.flatnonzero(place[source] >= 0)
        if min(looked_at.size, chosen.size) < LEAST_ROWS:
            return None
        after = _some(clean, source[chosen]) if encoded is None else _some(encoded, chosen)
        return domain_auc(
            _some(clean, looked_at), after, source=place[source[chosen]], max_rows=looked_at.size
        )


def told_apart_by_user(
    clean: EncodedWindow, users: Users, other: EncodedWindow, other_users: Users, *, num_users: int
) -> float | None:
    """AUC of a clean-against-drifted classifier where rows do not come from rows, as in a world.

    A row a user stands for each side, and the two rows of a user are in the same fold, so that nobody is
    learned by heart. Users who are new share a fold with some other user's clean row.

    Args:
        clean: ``[N]``.
        users: of its rows.
        other: ``[M]``.
        other_users: of its rows; those who are in both have the same code.
        num_users: most users of the clean window who are looked at; of the new ones the same share.

    Returns:
        None where a side has too few users.
    """
    draws = generator(0, "stress strength by user")
    rows, new_rows = _a_row_each(users.code, draws), _a_row_each(other_users.code, draws)
    known = draws.permutation(np.flatnonzero(rows >= 0))
    chosen = known[:num_users]
    place = np.full(max(rows.size, new_rows.size), -1, dtype=np.int64)
    place[chosen] = np.arange(chosen.size)
    newcomers = np.flatnonzero(new_rows >= 0)
    newcomers = newcomers[~np.isin(newcomers, known)]
    newcomers = newcomers[draws.random(newcomers.size) < chosen.size / max(known.size, 1)]
    if chosen.size:
        place[newcomers] = draws.integers(chosen.size, size=newcomers.size)
    there = np.flatnonzero((place[: new_rows.size] >= 0) & (new_rows >= 0))
    if min(chosen.size, there.size) < LEAST_ROWS:
        return None
    return domain_auc(
        _some(clean, rows[chosen]), _some(other, new_rows[there]), source=place[there], max_rows=chosen.size
    )


def outcomes_of(truth: pd.DataFrame, judged: JudgedRows) -> dict[str, Floats]:
    """What predictions are held against, by head, ``[N]`` each.

    The true chance of a click; the true mean of the log seconds; and whether the user came back within the
    horizon, NaN if not known: what happened, because the truth holds no chance of it.
    """
    found = {
        "click": truth["click_probability"].to_numpy(dtype=np.float64),
        "dwell": truth["dwell_log_mean"].to_numpy(dtype=np.float64),
    }
    if judged.retention is not None:
        value, event = judged.retention
        back = (event & (value <= judged.horizon)).astype(np.float64)
        found["retention"] = np.where(judged.follow_up_days >= judged.horizon, back, np.nan)
    return found


def _a_row_each(code: Ints, draws: np.random.Generator) -> Ints:
    """Some row of each user, by code, ``[U]``; -1 for those who have none."""
    found = np.full(int(code.max(initial=-1)) + 1, -1, dtype=np.int64)
    order = draws.permutation(code.size)
    found[code[order]] = order
    return found


def _some(window: EncodedWindow, rows: Ints) -> EncodedInputs:
    return EncodedInputs(
        categorical=window.categorical[rows],
        numeric=window.numeric[rows],
        lists=tuple(each[rows] for each in window.lists),
        content_seconds=window.content_seconds[rows],
    )
