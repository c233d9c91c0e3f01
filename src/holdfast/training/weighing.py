"""From the losses of a batch to the one that is trained.

B rows, O width of an objective's representation, T objectives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.core.errors import UserError
from holdfast.core.representation import Representation
from holdfast.models.ranker import Ranker
from holdfast.objectives.balancing.balance import Balance, Balancer, Step
from holdfast.objectives.estimators.rows import Processes, Ratio
from holdfast.training.balance_watch import BalanceWatch
from holdfast.training.objective_gradients import (
    ObjectiveGradients,
    inner_products,
    objective_gradients,
    parameter_gramian,
)
from holdfast.training.post_click import Estimate


@dataclass(frozen=True)
class ForwardPass:
    """A batch's losses, and what they were made of.

    Attributes:
        terms: numerators and denominators of the losses, ``[T]`` each.
        estimates: of the losses that are observed only after a click, by objective.
        embedded: the representation that the embeddings gave.
        representation: what the mixture read. Where gradients are compared there, its ``shared`` is cut off
            from the embeddings: passes back end at it.
        mixed: what the towers read, ``[T, B, O]``.
    """

    terms: Ratio
    estimates: dict[str, Estimate]
    embedded: Representation
    representation: Representation
    mixed: Tensor


class Weighing(nn.Module):
    """Weighs the objectives of each batch.

    The gradients that a balancer compares are those of the losses over the rows of all processes, so that all
    processes find the same weights.

    Args:
        balance: how.
        ranker: whose objectives; a single one is trained on the balance's plain sum.
    """

    def __init__(self, balance: Balance, ranker: Ranker) -> None:
        super().__init__()
        balance.check(ranker.objectives)
        self.balance = balance
        self.objectives = ranker.objectives
        several = len(ranker.objectives) > 1
        self.balancer: Balancer | None = balance.build(ranker.objectives) if several else None
        compares = self.balancer is not None and self.balancer.gradients_at is not None
        self.watch = None if self.balancer is None else BalanceWatch(self.objectives, compares=compares)
        self.towers = [
            (parameter, index)
            for index, objective in enumerate(ranker.objectives)
            for parameter in ranker.towers[objective].parameters()
        ]
        own = {id(parameter) for parameter, _ in self.towers}
        self.below_towers = [each for each in ranker.parameters() if id(each) not in own]

    @property
    def compares_gradients(self) -> bool:
        """Whether the gradient at the shared representation is asked for."""
        return self.balancer is not None and self.balancer.gradients_at == "representation"

    def loss(self, made: ForwardPass, across: Processes, *, seed: int) -> tuple[Tensor, Step | None]:
        """What is trained, and what it was weighed by; every process must call this.

        Args:
            made: the batch's losses.
            across: the processes that share the batch.
            seed: of what a balancer draws; the same on all processes.

        Returns:
            A scalar whose gradient is what weights move along, and whose value means nothing; and what it
            was weighed by, None where weights never change.
        """
        losses_T = made.terms.mean(across)
        if self.balancer is None:
            return self.balance.combine(dict(zip(self.objectives, losses_T.unbind(), strict=True))), None
        found = None
        if self.compares_gradients:
            towers = [each for each, _ in self.towers]
            found = objective_gradients(losses_T, made.mixed, made.representation.shared, towers)
        gramian = self._gramian(losses_T, found, across)
        step = Step(overall(losses_T, across), is_present(made.terms, across), gramian, seed)
        weights_T = self.balancer.weigh(step)
        self.balancer.learn(step)
        assert self.watch is not None
        self.watch.add(weights_T, step)
        if found is not None:
            return self._with_gradients(found, weights_T, made), step
        if self.balancer.weighs_towers:
            return (losses_T * weights_T.to(losses_T)).sum(), step
        weigh_below_towers(made.mixed, weights_T)
        return losses_T.sum(), step

    def _with_gradients(self, found: ObjectiveGradients, weights_T: Tensor, made: ForwardPass) -> Tensor:
        """A scalar that has the weighed gradients: what is known of them by now needs no second pass back."""
        assert self.balancer is not None
        weights_T = weights_T.to(found.at_representation)
        below = weighed(found.at_mixed, weights_T)
        loss = (made.mixed * below).sum(dtype=weights_T.dtype)
        if made.embedded.shared.requires_grad:
            weighed_BI = torch.tensordot(weights_T, found.at_representation, dims=1)
            loss = loss + (made.embedded.shared * weighed_BI).sum()
        for (parameter, index), gradient in zip(self.towers, found.of_towers, strict=True):
            if gradient is not None:
                share = weights_T[index] if self.balancer.weighs_towers else 1.0
                loss = loss + (parameter * (share * gradient)).sum()
        return loss

    def backward_arguments(self, module: nn.Module) -> dict[str, Any]:
        """What the pass back through ``loss`` must be told: to end at parameters, not where it was cut."""
        if not self.compares_gradients:
            return {}
        return {"inputs": [each for each in module.parameters() if each.requires_grad]}

    def look_back(self, before: Step, made: ForwardPass, across: Processes) -> None:
        """Tell the balancer what the losses are after the step."""
        assert self.balancer is not None
        self.balancer.look_back(before, overall(made.terms.mean(across), across))

    def _gramian(
        self, losses_T: Tensor, found: ObjectiveGradients | None, across: Processes
    ) -> Tensor | None:
        assert self.balancer is not None
        if self.balancer.gradients_at is None:
            return None
        if found is None:
            if across.count > 1:
                raise UserError(
                    "objective.balance.gramian=parameters is for checking, in one process: set "
                    "trainer.devices=1, or compare gradients at the representation"
                )
            gramian = parameter_gramian(losses_T, self.below_towers)
        else:
            gramian = inner_products(found.at_representation)
        # A process's loss is as many times too large as there are processes.
        gramian = across.reduce_sum(gramian).cpu() / across.count**2
        if not bool(gramian.isfinite().all()):
            lengths = zip(self.objectives, gramian.diagonal(), strict=True)
            broken = [name for name, each in lengths if not each.isfinite()] or self.objectives
            raise UserError(
                f"training diverged: the gradient of {' and of '.join(broken)} is not finite; lower "
                "optimizer.learning_rate or optimizer.embedding_learning_rate"
            )
        return gramian


def overall(losses_T: Tensor, across: Processes) -> Tensor:
    """The losses over the rows of all processes, without gradients, ``[T]``."""
    return across.reduce_sum(losses_T.detach()) / across.count


def is_present(terms_T: Ratio, across: Processes) -> Tensor:
    """Whether a process knows a row of the objective, bool ``[T]``."""
    return across.reduce_sum(terms_T.denominator.detach()) > 0.0


def weigh_below_towers(mixed_TBO: Tensor, weights_T: Tensor) -> None:
    """Let the next pass back weigh what it carries from the towers to all that lies below them."""
    mixed_TBO.register_hook(lambda slopes_TBO: weighed(slopes_TBO, weights_T))  # type: ignore[no-untyped-call]


def weighed(slopes_TBO: Tensor, weights_T: Tensor) -> Tensor:
    """Each objective's slice times its weight, rounded once, after the product."""
    precise = torch.promote_types(slopes_TBO.dtype, torch.float32)
    weights_T11 = weights_T.to(slopes_TBO.device, precise).view(-1, 1, 1)
    return (slopes_TBO.to(precise) * weights_T11).to(slopes_TBO.dtype)
