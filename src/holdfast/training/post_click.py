"""Losses of heads that are observed only after a click, estimated over all rows of a batch.

B rows, O width of an objective's representation, P parameters of a head, T objectives.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from holdfast.core.batch import Batch, Outcome
from holdfast.core.errors import UserError
from holdfast.core.protocols import DwellHead, Head
from holdfast.core.random import derive_seed
from holdfast.core.return_head import ReturnHead
from holdfast.models.ranker import Ranker
from holdfast.objectives.estimators.rows import LossEstimator, PartialErrors, Processes, Ratio
from holdfast.objectives.estimators.self_normalised import self_normalised_terms
from holdfast.objectives.propensities.predicted_click import predicted_click

CLICK = "click"
AFTER_CLICK = ("dwell",)
"""Objectives of which nothing can be known without a click."""


@dataclass(frozen=True)
class Estimate:
    """An objective's loss over a batch.

    Attributes:
        loss: what the prediction learns from.
        judgement: what an epoch is judged by: SNIPS of the same rows, whatever the estimator. Unlike IPS and
            DR it does not grow and shrink with a propensity that is still being learned.
        imputation: what the imputation learns from; None where nothing is imputed.
        rows: what the loss was estimated from.
    """

    loss: Ratio
    judgement: Ratio
    imputation: Ratio | None
    rows: PartialErrors


class PostClickLosses(nn.Module):
    """Estimates the losses of some heads over all rows, with the predicted click as the propensity.

    The population of a head is every row whose click is known; observed are the rows that were clicked and
    whose outcome is known. A row that was clicked and whose outcome is not known is outside. Dwell has no
    weights of its own where nothing was opened, so the population counts with the weights of the click.

    An estimator that imputes has a second tower for each head, of the head's own kind. It reads the
    representation without shaping it, learns from the observed rows, and leaves no trace in the ranker: what
        is exported is the
    same model.

    Args:
        estimator: how.
        ranker: whose heads.
        seed: of the second towers' weights.

    Raises:
        UserError: the ranker lacks a head that is needed, or one cannot be estimated this way.
    """

    def __init__(self, estimator: LossEstimator, ranker: Ranker, *, seed: int) -> None:
        super().__init__()
        check_heads(estimator, ranker.heads)
        self.estimator = estimator
        self.heads = dict(ranker.heads)
        self.places = {name: index for index, name in enumerate(ranker.objectives)}
        self.towers = nn.ModuleDict()
        if estimator.imputes:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(seed, "imputation"))
                for objective in estimator.objectives:
                    self.towers[objective] = _fresh(ranker.towers[objective])

    def estimates(
        self,
        errors_BT: Tensor,
        parameters: Mapping[str, Tensor],
        mixed_TBO: Tensor,
        batch: Batch,
        across: Processes,
    ) -> dict[str, Estimate]:
        """The estimate of each objective; every process must call this.

        Args:
            errors_BT: loss of each row, ``[B, T]``; anything where not known.
            parameters: predictions by objective, ``[B, P]`` each.
            mixed_TBO: what the towers read.
            batch: the rows.
            across: the processes that share the batch.
        """
        if not self.estimator.objectives:
            return {}
        click = self.places[CLICK]
        head = self.heads[CLICK]
        with torch.no_grad():
            outputs = head.predict(parameters[CLICK], batch.inputs.content_seconds)
        propensity = predicted_click(outputs[head.score], max_weight=self.estimator.largest_weight)
        known, clicked = batch.known[:, click], batch.value[:, click] > 0.5
        made: dict[str, Estimate] = {}
        for objective in self.estimator.objectives:
            place = self.places[objective]
            outcome_known = batch.known[:, place]
            everywhere = objective not in AFTER_CLICK
            # Where an outcome would be known without a click too, a row without it is no row without a click.
            inside = known & (outcome_known if everywhere else (outcome_known | ~clicked))
            weight = batch.weight[:, place] if everywhere else batch.weight[:, click]
            observed = known & clicked & outcome_known
            imputed, imputation = None, None
            if self.estimator.imputes:
                own = self.towers[objective](mixed_TBO[place].detach()).to(parameters[objective].dtype)
                imputed = self._imputed(objective, own.detach(), parameters[objective], batch)
                guess_errors = self.heads[objective].negative_log_likelihood(own, batch.outcome(place))
                factor = self.estimator.imputation_weight(propensity) * weight
                factor = factor.masked_fill(~(observed & inside), 0.0)
                imputation = Ratio(
                    (guess_errors.masked_fill(~(observed & inside), 0.0) * factor).sum(), factor.sum()
                )
            rows = PartialErrors(
                errors_BT[:, place],
                observed=observed,
                propensity=propensity,
                where=inside,
                weight=weight,
                imputed=imputed,
            )
            made[objective] = Estimate(
                self.estimator.terms(rows, across), self_normalised_terms(rows), imputation, rows
            )
        return made

    def _imputed(self, objective: str, guess: Tensor, parameters: Tensor, batch: Batch) -> Tensor:
        """Mean loss of the prediction at equally likely outcomes of the imputed distribution, ``[B]``."""
        losses = [
            self.heads[objective].negative_log_likelihood(parameters, outcome)
            for outcome in imputed_outcomes(
                self.heads[objective],
                guess,
                content_seconds=batch.inputs.content_seconds,
                num=getattr(self.estimator, "num_imputations", 1),
            )
        ]
        return torch.stack(losses).mean(0)


def imputed_outcomes(
    head: Head, parameters: Tensor, *, content_seconds: Tensor, num: int
) -> Iterator[Outcome]:
    """Outcomes that stand for a predicted distribution: its quantiles at ``(k - 1/2) / num``, ``[B]`` each.

    They are cut off as true ones are: dwell at the content's length, a return at the longest absence that the
    head tells apart.
    """
    for step in range(num):
        # The gradient is switched off in a function of its own: around a yield it would stay off for whoever
        # takes the outcomes, and an imputed loss without a gradient turns DR into IPS.
        yield _imputed_outcome(head, parameters, (step + 0.5) / num, content_seconds)


@torch.no_grad()
def _imputed_outcome(head: Head, parameters: Tensor, level: float, content_seconds: Tensor) -> Outcome:
    knows_content = "content_seconds" in inspect.signature(head.quantile).parameters
    value = (
        head.quantile(parameters, level, content_seconds)  # type: ignore[call-arg]
        if knows_content
        else head.quantile(parameters, level)
    )
    limit = (
        torch.full_like(value, float(head.horizon_days))
        if isinstance(head, ReturnHead)
        else content_seconds.to(value.dtype)
    )
    event = value < limit if not isinstance(head, ReturnHead) else value <= limit
    # An infinite quantile on content without end would be an infinite loss.
    value = torch.minimum(value, limit).nan_to_num(nan=0.0, posinf=1e6)
    return Outcome(value, event, torch.ones_like(event), content_seconds)


def check_heads(estimator: LossEstimator, heads: Mapping[str, Head]) -> None:
    """Refuse heads whose losses cannot be estimated from clicked rows.

    Raises:
        UserError: says which, why, and what to do.
    """
    asked = "objective.estimator.objectives"
    missing = [name for name in estimator.objectives if name not in heads]
    if missing:
        raise UserError(f"{asked} names {missing}, but the model's heads are {list(heads)}; leave them out")
    if estimator.objectives and CLICK not in heads:
        raise UserError(
            "objective.estimator takes the predicted click as the propensity, and the model has no click "
            "head; "
            "add one, or choose objective/estimator=naive"
        )
    for name in estimator.objectives:
        head = heads[name]
        if isinstance(head, DwellHead) and head.population == "all":
            raise UserError(
                f"{asked} names {name}, but {type(head).__name__} is defined on every row: nothing is "
                "missing that "
                "could be estimated. Choose objective/estimator=naive, or a head of opened rows"
            )
        if isinstance(head, ReturnHead) and head.target == "surrogate_index" and estimator.imputes:
            raise UserError(
                f"{asked} names {name}, but {type(head).__name__} learns from an index that cannot be "
                "imputed; "
                "choose objective/estimator=snips, or another head"
            )


def _fresh(tower: nn.Module) -> nn.Module:
    """A tower of the same shape with weights of its own."""
    made = copy.deepcopy(tower)
    for layer in made.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return made
