"""A trained ranker and the window that it is stressed on: what stays the same in every scenario.

N rows of the clean window, M rows of a drifted one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from holdfast.app.head_fitting import dwell_population
from holdfast.app.stressing.conditions import Conditions, Resampler, measured
from holdfast.app.stressing.encoding import encode_drifted, taken, touches_inputs
from holdfast.app.stressing.outcomes import judged_rows, with_labels
from holdfast.app.stressing.reference import ReferenceInputs, ReferenceRanker, habit_of
from holdfast.core.arrays import Floats, Ints
from holdfast.core.protocols import FittedFusion, Fusion, Population
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoded_columns import stable_codes
from holdfast.data.encoder import CONTENT_COLUMN, Encoder
from holdfast.data.history import FREQUENCY, RECENCY
from holdfast.drift.injector import Drifted
from holdfast.drift.rows import DriftRows
from holdfast.evaluation.robustness.judged_rows import JudgedRows, judge
from holdfast.evaluation.robustness.linearised import Linearised, Users
from holdfast.models.ranker import Ranker
from holdfast.objectives.fusion.weighted import WeightedProduct

Predictions = dict[str, Floats]
Metrics = dict[str, Linearised]
REFERENCE_COLUMNS = ("item_id", CONTENT_COLUMN, RECENCY, FREQUENCY)


@dataclass
class Seconds:
    """Where the time of a suite goes; ``forward`` is what the ranker itself takes."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the seconds inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent[what] = self.spent.get(what, 0.0) + time.perf_counter() - start


@dataclass(kw_only=True, eq=False)
class Scene:
    """Everything that scenarios share.

    Attributes:
        ranker: trained.
        reference: fitted on the train window.
        fusion: of the ranker's scores. The reference ranks by the same where it needs no fit, and by the
            default product of powers otherwise: nothing is fitted for it on validation.
        encoder: fitted on the clean train window, and never again.
        window: the clean test window, encoded, ``[N]``.
        clean: its raw rows, ``[N]``.
        horizon: days d of 'back within d days' that is judged.
        horizon_days: days of absence that labels tell apart.
        cutoff: k of NDCG at k.
        resampler: of users.
        seconds: where the time went.
        judged: what happened in the clean window.
    """

    ranker: Ranker
    reference: ReferenceRanker
    fusion: Fusion
    encoder: Encoder
    window: EncodedWindow
    clean: DriftRows
    horizon: int
    horizon_days: int
    cutoff: int
    resampler: Resampler
    seconds: Seconds = field(default_factory=Seconds)
    judged: JudgedRows = field(init=False)
    _of_model: Predictions = field(init=False, repr=False)
    _of_reference: Predictions = field(init=False, repr=False)
    _clean_of_model: Metrics = field(init=False, repr=False, default_factory=dict)
    _clean_of_reference: Metrics = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        window = self.window
        if len(self.clean) != len(window):
            raise ValueError(f"there are {len(self.clean)} raw rows and {len(window)} encoded ones")
        judged = self.judged_in(window, Users(window.user, int(window.user.max(initial=-1)) + 1))
        self.judged = replace(judged, rows_of_user_day=np.bincount(window.user_day))
        self._of_model = self.predicted(window)
        inputs = ReferenceInputs(window.item, window.content_seconds, *habit_of(self.clean.rows))
        self._of_reference = self.reference.predict(inputs, fusion=self.reference_fusion)
        self._clean_of_model = judge(self.judged, self._of_model)
        self._clean_of_reference = judge(self.judged, self._of_reference)

    @property
    def reference_fusion(self) -> Fusion:
        """What makes one ranking score of the reference's."""
        return WeightedProduct() if isinstance(self.fusion, FittedFusion) else self.fusion

    @property
    def population(self) -> Population:
        """Rows on which dwell is defined."""
        return dwell_population(self.ranker.heads)

    def in_clean_conditions(self, rows: Ints | None = None) -> Conditions:
        """Both rankers on the clean window, or on some of its rows."""
        judged = self.judged if rows is None else self.judged.take(rows)
        return self._measured(judged, _rows_of(self._of_model, rows), _rows_of(self._of_reference, rows))

    @property
    def of_model(self) -> Predictions:
        """What the ranker predicts for the clean window, by output, ``[N]`` each."""
        return self._of_model

    def source_of(self, drifted: Drifted) -> Ints | None:
        """Row of the clean window that each drifted row came from, ``[M]``; None where they are the same."""
        source = drifted.rows.source
        same = len(source) == len(self.clean) and bool((source == np.arange(len(source))).all())
        return None if same else source

    def encoded(self, drifted: Drifted) -> EncodedWindow | None:
        """Drifted rows through the encoder that was fitted on clean ones; None where no input changed."""
        if not touches_inputs(drifted):
            return None
        with self.seconds.on("encoding"):
            return encode_drifted(drifted, self.window, self.encoder, source=self.source_of(drifted))

    def under(self, drifted: Drifted, *, encoded: EncodedWindow | None = None) -> Conditions:
        """Both rankers on drifted rows; ``encoded`` saves a second time, where it is there already."""
        source = self.source_of(drifted)
        window = self.encoded(drifted) if encoded is None else encoded
        if window is not None:
            model, content = self.predicted(window), window.content_seconds
        else:
            model, content = _rows_of(self._of_model, source), taken(self.window.content_seconds, source)
        with self.seconds.on("reference"):
            reference = self._reference_under(drifted, content, source)
        with self.seconds.on("labels"):
            judged = self._judged_under(drifted, source)
        return self._measured(judged, model, reference)

    def elsewhere(
        self,
        window: EncodedWindow,
        rows: pd.DataFrame,
        users: Users,
        *,
        predictions: Predictions | None = None,
    ) -> Conditions:
        """Both rankers on another window that the same encoder encoded: later days, or another world.

        Args:
            window: encoded, ``[M]``.
            rows: raw, ``[M]``.
            users: of its rows; the codes of users of the clean window are theirs.
            predictions: the ranker's, where they were asked for already.
        """
        inputs = ReferenceInputs(window.item, window.content_seconds, *habit_of(rows))
        reference = self.reference.predict(inputs, fusion=self.reference_fusion)
        model = self.predicted(window) if predictions is None else predictions
        return self._measured(self.judged_in(window, users), model, reference)

    def elsewhere_by_day(
        self, window: EncodedWindow, rows: pd.DataFrame, users: Users
    ) -> dict[int, Conditions]:
        """The same day by day, by local days since 1970-01-01."""
        inputs = ReferenceInputs(window.item, window.content_seconds, *habit_of(rows))
        model, reference = (
            self.predicted(window),
            self.reference.predict(inputs, fusion=self.reference_fusion),
        )
        judged = self.judged_in(window, users)
        found = {}
        for day in np.unique(window.day):
            here = np.flatnonzero(window.day == day)
            sides = (_rows_of(model, here), _rows_of(reference, here))
            found[int(day)] = self._measured(judged.take(here), *sides)
        return found

    def predicted(self, window: EncodedWindow) -> Predictions:
        """The ranker's predictions by output, ``[M]`` each: one forward pass."""
        from holdfast.training.prediction import SCORE, predict

        with self.seconds.on("forward"):
            outputs = predict(self.ranker, window, fusion=self.fusion)
        heads = self.ranker.heads
        found = {name: outputs[head.score] for name, head in heads.items() if name != "retention"}
        if "dwell" in heads and "dwell_seconds" in outputs:
            found["dwell"] = outputs["dwell_seconds"]
        if "retention" in heads:
            by_day = outputs.get("return_by_day")
            found["retention"] = (
                outputs["return_probability"] if by_day is None else by_day[:, self.horizon - 1]
            )
        return {**found, "ranking": outputs[SCORE]}

    def _reference_under(self, drifted: Drifted, content: Floats, source: Ints | None) -> Predictions:
        columns = drifted.changed_columns
        if columns is not None and not set(REFERENCE_COLUMNS) & set(columns):
            return _rows_of(self._of_reference, source)
        rows = drifted.rows.rows
        inputs = ReferenceInputs(stable_codes(rows, "item_id"), content, *habit_of(rows))
        return self.reference.predict(inputs, fusion=self.reference_fusion)

    def _judged_under(self, drifted: Drifted, source: Ints | None) -> JudgedRows:
        """What happened to drifted rows, as far as they know."""
        judged = self.judged if source is None else self.judged.take(source)
        columns = drifted.changed_columns
        if columns is None or "request_id" in columns:
            codes = pd.factorize(drifted.rows.rows["request_id"])[0].astype(np.int64)
            judged = replace(judged, request=codes)
        if not drifted.labels_changed(self.clean):
            return judged
        return with_labels(
            judged,
            drifted,
            self.window,
            population=self.population,
            horizon_days=self.horizon_days,
        )

    def judged_in(self, window: EncodedWindow, users: Users) -> JudgedRows:
        """What happened in a window, as both rankers are judged by it."""
        return judged_rows(
            window, users=users, population=self.population, horizon=self.horizon, cutoff=self.cutoff
        )

    def _measured(self, judged: JudgedRows, model: Predictions, reference: Predictions) -> Conditions:
        with self.seconds.on("metrics"):
            found = [
                self._judge(judged, side, clean, known)
                for side, clean, known in (
                    (model, self._of_model, self._clean_of_model),
                    (reference, self._of_reference, self._clean_of_reference),
                )
            ]
        with self.seconds.on("resampling"):
            return measured(*found, num_users=judged.users.num, resampler=self.resampler)

    def _judge(
        self, judged: JudgedRows, predictions: Predictions, clean: Predictions, known: Metrics
    ) -> Metrics:
        """Metrics of one ranker; those of outputs in which neither side changed are the clean ones."""
        same = {
            name
            for name, each in predictions.items()
            if known and each is clean.get(name) and judged.same_outcomes(self.judged, name)
        }
        found = judge(judged, {name: each for name, each in predictions.items() if name not in same})
        kept = {name: each for name, each in known.items() if name.split("/")[0] in same}
        return {name: {**kept, **found}[name] for name in (known or found) if name in {**kept, **found}}


def _rows_of(predictions: Predictions, source: Ints | None) -> Predictions:
    return {name: taken(values, source) for name, values in predictions.items()}
