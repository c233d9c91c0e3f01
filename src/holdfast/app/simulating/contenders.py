"""Who takes part in a simulation, as a user writes it down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.simulation.policies.oracles import PrivilegedScorer
from holdfast.simulation.policies.scored import Exploration


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """The run's own model as a scorer.

    Attributes:
        members: models trained on the same rows with different seeds, at least 1; an ensemble if more than 1.
            The first is the one that the stage fit trained.
    """

    members: int = 1

    def __post_init__(self) -> None:
        if self.members < 1:
            raise ValueError(f"members is {self.members}; it must be at least 1")


@dataclass(frozen=True, kw_only=True)
class BundleModel:
    """An exported bundle as a scorer, or several as an ensemble.

    Attributes:
        folder: of the bundle.
        more_folders: of further bundles, for explorations that need an ensemble.
    """

    folder: str
    more_folders: list[str] = field(default_factory=list)

    @property
    def folders(self) -> tuple[str, ...]:
        """All of them."""
        return (self.folder, *self.more_folders)


@dataclass(frozen=True, kw_only=True)
class ContenderSettings:
    """A contender: what ranks, how it explores, and whether it is trained again on what it logs.

    Attributes:
        scorer: ``TrainedModel``, ``BundleModel``, an oracle, or anything with ``score(requests)``; None where
            scores do not matter. With no exploration, whatever states ``probabilities(requests)``.
        exploration: how slates are made of scores; None for a scorer that states probabilities.
        retrain: whether it is trained again, every ``simulation.retrain_every_days``, on its own log.
    """

    scorer: object | None = None
    exploration: object | None = None
    retrain: bool = False

    def __post_init__(self) -> None:
        if self.exploration is None:
            if not hasattr(self.scorer, "probabilities"):
                raise ValueError(
                    "exploration is null and the scorer states no probabilities; choose an exploration, "
                    "such as greedy"
                )
        elif not isinstance(self.exploration, Exploration):
            raise ValueError(
                f"exploration: {type(self.exploration).__name__} is no exploration, which has label, "
                "least_scorers and slates"
            )
        else:
            self._check_scorer(self.exploration)
        if self.retrain and not isinstance(self.scorer, TrainedModel):
            raise ValueError(
                "retrain is true, and only the run's own model can be trained again; choose the scorer "
                "trained_model, or set retrain to false"
            )

    def _check_scorer(self, exploration: Exploration) -> None:
        privileged = isinstance(self.scorer, PrivilegedScorer)
        known = self.serves_models or privileged or hasattr(self.scorer, "score")
        if self.scorer is not None and not known:
            raise ValueError(f"scorer: {type(self.scorer).__name__} is no scorer, which has score")
        if self.num_scorers < exploration.least_scorers:
            raise ValueError(
                f"{exploration.label} needs a scorer; choose one"
                if exploration.least_scorers == 1
                else f"{exploration.label} needs at least {exploration.least_scorers} scorers and has "
                f"{self.num_scorers}; raise scorer.members, or add bundles to scorer.more_folders"
            )

    @property
    def num_scorers(self) -> int:
        """Members of the ensemble; 1 for a scorer alone, 0 for none."""
        if isinstance(self.scorer, TrainedModel):
            return self.scorer.members
        if isinstance(self.scorer, BundleModel):
            return len(self.scorer.folders)
        return 0 if self.scorer is None else 1

    @property
    def serves_models(self) -> bool:
        """Whether it ranks by models of rows, which need a feature store."""
        return isinstance(self.scorer, TrainedModel | BundleModel)


def need_the_runs_model(contenders: Iterable[ContenderSettings]) -> bool:
    """Whether any of them serves the model of this very run."""
    return any(isinstance(each.scorer, TrainedModel) for each in contenders)
