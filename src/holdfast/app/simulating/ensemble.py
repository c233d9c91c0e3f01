"""Models of rows at work in a world: how they score, and what they predicted of what was shown.

M models, Q requests, C candidates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.policies.rows import FeatureStore, RowsScored
from holdfast.simulation.policy import Policy, Requests, Slates
from holdfast.simulation.publishing import Publication

SCORE = "score"


class RowModel(Protocol):
    """Says of raw rows how they score, and what it expects of them."""

    def outputs(self, rows: pd.DataFrame) -> Mapping[str, NDArray[Any]]:
        """Every output by name, ``[N]`` or ``[N, H]``; ``score`` ranks."""
        ...


class Ensemble:
    """Models that score the same rows, which are made once.

    Args:
        models: M of them.
        publication: how the world writes its log.
        store: adds the columns that the log does not hold.
    """

    def __init__(self, models: Sequence[RowModel], publication: Publication, store: FeatureStore) -> None:
        self._models = tuple(models)
        self._rows_scored = RowsScored(model=self._first_scores, publication=publication, store=store)
        self._requests: Requests | None = None
        self.outputs: list[Mapping[str, NDArray[Any]]] = []

    def scorers(self) -> tuple[Member, ...]:
        """A scorer a model."""
        return tuple(Member(self, place) for place in range(len(self._models)))

    def scores(self, requests: Requests, place: int) -> Floats:
        """Scores ``[Q, C]`` of one model; all of them look at a request when the first one is asked."""
        if self._requests is not requests:
            self._first = self._rows_scored.score(requests)
            self._requests = requests
        if place == 0:
            return self._first
        return np.asarray(self.outputs[place][SCORE], dtype=np.float64).reshape(requests.candidates.shape)

    def predicted(self, output: str, position: Ints) -> Floats | None:
        """Mean over the models of an output for what is shown of the last requests.

        Returns:
            ``[Q, K]`` or ``[Q, K, H]``; None where the models have no such output.
        """
        if any(output not in each for each in self.outputs):
            return None
        num_requests = len(position)
        total = sum(np.asarray(each[output], dtype=np.float64) for each in self.outputs) / len(self.outputs)
        by_request = np.asarray(total).reshape(num_requests, -1, *np.shape(total)[1:])
        rows = np.arange(num_requests)[:, None]
        return np.asarray(by_request[rows, position])

    def _first_scores(self, rows: pd.DataFrame) -> Floats:
        self.outputs = [each.outputs(rows) for each in self._models]
        return np.asarray(self.outputs[0][SCORE], dtype=np.float64)


@dataclass(frozen=True)
class Member:
    """One model of an ensemble as a scorer."""

    ensemble: Ensemble
    place: int

    def score(self, requests: Requests) -> Floats:
        """Scores ``[Q, C]``."""
        return self.ensemble.scores(requests, self.place)


@dataclass(frozen=True)
class Prediction:
    """What was predicted of the slates of Q requests.

    Attributes:
        user: ``[Q]``.
        seconds: of the request, after local midnight, ``[Q]``.
        of: predictions by objective, ``[Q, K]``.
    """

    user: Ints
    seconds: Floats
    of: dict[str, Floats]


@dataclass(frozen=True)
class WatchedPolicy:
    """A policy of which it is noted what its models predicted of what it showed.

    Attributes:
        policy: ranks by the ensemble.
        ensemble: of models.
        outputs: the output that predicts each objective, by objective; of several columns the first counts.
        noted: since it was last emptied.
    """

    policy: Policy
    ensemble: Ensemble
    outputs: Mapping[str, str]
    noted: list[Prediction] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the policy."""
        return self.policy.name

    def choose(self, requests: Requests) -> Slates:
        """What the policy chooses."""
        slates = self.policy.choose(requests)
        self.ensemble.scores(requests, 0)  # an exploration that looks at no scores has not asked for any
        assert requests.seconds is not None  # rows could not have been made without
        predictions: dict[str, Floats] = {}
        for objective, output in self.outputs.items():
            found = self.ensemble.predicted(output, slates.position)
            if found is not None:
                predictions[objective] = found[..., 0] if found.ndim == 3 else found
        self.noted.append(Prediction(requests.user, requests.seconds, predictions))
        return slates
