"""What a user may choose to make a model hold where production moves, beside the model itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.data.encoded import EncodedWindow
from holdfast.models.ranker import Ranker
from holdfast.objectives.estimators.rows import LossEstimator
from holdfast.objectives.robustness.none import PlainMeans
from holdfast.objectives.robustness.robustness import AcrossEnvironments, Robustness
from holdfast.objectives.time_decay import TimeDecay
from holdfast.training.environments import Environments, environments_of
from holdfast.training.feature_dropout import DroppedInputs, FeatureDropout
from holdfast.training.propensities import Weighed
from holdfast.training.robust_losses import build_robust_losses, check_robust_loss, window_environments
from holdfast.training.robust_steps import RobustSteps
from holdfast.training.settings import TrainerSettings
from holdfast.training.weight_averaging import WeightAveraging


@dataclass(frozen=True, kw_only=True)
class RobustTraining:
    """All of it; as it stands, training is plain.

    Attributes:
        loss: what the objectives' losses are made of, by environment.
        recency: how much newer rows count more.
        feature_dropout: which inputs go missing in training.
        averaging: what the model's weights are an average of.
    """

    loss: Robustness = field(default_factory=PlainMeans)
    recency: TimeDecay = field(default_factory=TimeDecay)
    feature_dropout: FeatureDropout = field(default_factory=FeatureDropout)
    averaging: WeightAveraging = field(default_factory=WeightAveraging)

    def plan(self) -> dict[str, int | str | list[str]]:
        """What a resumed run must agree with; nothing for plain training, as in runs of before."""
        plain = RobustTraining()
        parts = ((name, getattr(self, name)) for name in ("loss", "recency", "feature_dropout", "averaging"))
        differing = [f"{name}={part}" for name, part in parts if part != getattr(plain, name)]
        return {"robust": differing} if differing else {}

    def check_length(self, max_epochs: int) -> None:
        """Refuse an average that nothing would ever be a part of.

        Raises:
            UserError: it starts after the last epoch.
        """
        if self.averaging.kind == "swa" and self.averaging.start_epoch >= max_epochs:
            raise UserError(
                f"robust.averaging.start_epoch is {self.averaging.start_epoch}, and training ends after "
                f"trainer.max_epochs={max_epochs}: no epoch would count; start earlier, or train longer"
            )

    def check_window(self, window: EncodedWindow, schema: InputSchema) -> None:
        """Refuse before training what the train window or the inputs cannot give.

        Raises:
            UserError: names the key that is at fault.
        """
        if isinstance(self.loss, AcrossEnvironments):
            environments_of(self.loss, window, schema)
        self._dropped(schema, seed=0)

    def steps(
        self,
        ranker: Ranker,
        weighed: Weighed,
        estimator: LossEstimator,
        settings: TrainerSettings,
        *,
        seed: int,
    ) -> tuple[RobustSteps, Environments | None]:
        """What training does beside its plain steps, and the environments of its rows.

        Args:
            ranker: with the weights that training starts from.
            weighed: the train window.
            estimator: of losses that are known only after a click.
            settings: of the training.
            seed: of what goes missing.

        Raises:
            UserError: the window, the inputs or the estimator do not go with what is asked for.
        """
        self.check_length(settings.max_epochs)
        check_robust_loss(self.loss, estimator)
        window = weighed.window
        seen = window_environments(self.loss, window, weighed.weights, ranker.schema)
        steps = RobustSteps(
            robust_losses=build_robust_losses(self.loss, seen, ranker.objectives),
            dropped=self._dropped(ranker.schema, seed=seed),
            averaged=self.averaging.build(ranker),
        )
        return steps, None if seen is None else seen.environments

    def _dropped(self, schema: InputSchema, *, seed: int) -> DroppedInputs | None:
        try:
            return self.feature_dropout.build(schema, seed=seed)
        except ValueError as error:
            raise UserError(f"robust.feature_dropout: {error}") from error
