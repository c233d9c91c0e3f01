"""Losses for a yes or no after a click, over all rows that were shown: ESMM, ESCM2 and DCMT.

A click y, and a conversion c that can only follow a click. B rows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from holdfast.objectives.estimators.doubly_robust import doubly_robust_terms
from holdfast.objectives.estimators.inverse_propensity import inverse_propensity_terms
from holdfast.objectives.estimators.rows import ALONE, PartialErrors, Processes, Ratio
from holdfast.objectives.propensities.predicted_click import predicted_click


def click_and_conversion_loss(
    click_logits: Tensor, conversion_logits: Tensor, *, click: Tensor, conversion: Tensor
) -> Tensor:
    r"""Cross-entropy of 'clicked and converted', whose chance is the product, per row ``[B]`` (CTCVR).

    .. math:: -c \log (\sigma(s) \sigma(r)) - (1 - c) \log (1 - \sigma(s) \sigma(r))

    It is known in every row: a row without a click has no conversion.

    Args:
        click_logits: log odds s of a click, ``[B]``.
        conversion_logits: log odds r of a conversion after a click, ``[B]``.
        click: 0 or 1, ``[B]``.
        conversion: 0 or 1, ``[B]``; anything where there is no click.

    Source: Ma et al. (2018), SIGIR.
    """
    both = click * conversion.masked_fill(click < 0.5, 0.0)
    log_product = logsigmoid(click_logits) + logsigmoid(conversion_logits)
    # log(1 - e^x) for x < 0; a product that rounds to 1 would give -inf.
    log_other = torch.log(-torch.expm1(log_product.clamp(max=-1e-7)))
    return -(both * log_product + (1.0 - both) * log_other)


def esmm_loss(
    click_logits: Tensor,
    conversion_logits: Tensor,
    *,
    click: Tensor,
    conversion: Tensor,
    across: Processes = ALONE,
) -> Tensor:
    """The loss of ESMM: cross-entropy of the click and of 'clicked and converted', a scalar.

    The conversion head learns through the product only, so where clicks are predicted too low it compensates.

    Source: Ma et al. (2018), SIGIR.
    """
    losses = binary_cross_entropy_with_logits(click_logits, click, reduction="none")
    losses = losses + click_and_conversion_loss(
        click_logits, conversion_logits, click=click, conversion=conversion
    )
    return _mean(losses, across)


def escm2_loss(
    click_logits: Tensor,
    conversion_logits: Tensor,
    *,
    click: Tensor,
    conversion: Tensor,
    imputed_losses: Tensor | None = None,
    max_weight: float = 50.0,
    risk_weight: float = 1.0,
    product_weight: float = 1.0,
    across: Processes = ALONE,
) -> Tensor:
    r"""ESCM2: ESMM with the conversion's own risk over all rows, by IPS or by DR, a scalar.

    .. math:: L_{click} + \lambda_c R(c) + \lambda_g L_{CTCVR}

    The propensity is the predicted click, floored at ``1 / max_weight``, without a gradient.

    Args:
        click_logits: ``[B]``.
        conversion_logits: ``[B]``.
        click: 0 or 1, ``[B]``.
        conversion: 0 or 1, ``[B]``; anything where there is no click.
        imputed_losses: the conversion's loss as a model expects it, ``[B]``: ESCM2-DR; ESCM2-IPS when None.
        max_weight: >= 1.
        risk_weight: of the risk.
        product_weight: of 'clicked and converted'.
        across: the processes that share the batch.

    Source: Wang et al. (2022), SIGIR.
    """
    clicked = click > 0.5
    label = conversion.masked_fill(~clicked, 0.0)
    rows = PartialErrors(
        binary_cross_entropy_with_logits(conversion_logits, label, reduction="none"),
        observed=clicked,
        propensity=predicted_click(torch.sigmoid(click_logits), max_weight=max_weight),
        imputed=imputed_losses,
    )
    risk = inverse_propensity_terms(rows) if imputed_losses is None else doubly_robust_terms(rows)
    losses = binary_cross_entropy_with_logits(click_logits, click, reduction="none")
    product = click_and_conversion_loss(click_logits, conversion_logits, click=click, conversion=conversion)
    return _mean(losses + product_weight * product, across) + risk_weight * risk.mean(across)


def dcmt_loss(
    click_logits: Tensor,
    conversion_logits: Tensor,
    counterfactual_logits: Tensor,
    *,
    click: Tensor,
    conversion: Tensor,
    max_weight: float = 50.0,
    prior_weight: float = 0.001,
    risk_weight: float = 1.0,
    product_weight: float = 1.0,
    across: Processes = ALONE,
) -> Tensor:
    r"""DCMT: a conversion tower on clicked rows, its counterfactual twin on the others, a scalar.

    .. math:: L_{click} + \lambda_c \Big( \frac{\sum_b y_b \ell(r_b, c_b) / p_b}{\sum_b y_b / p_b}
        + \frac{\sum_b (1 - y_b) \ell(r^*_b, 1) / (1 - p_b)}{\sum_b (1 - y_b) / (1 - p_b)}
        + \lambda_p \overline{|1 - \sigma(r_b) - \sigma(r^*_b)|} \Big) + \lambda_g L_{CTCVR}

    A row without a click has no conversion, so its counterfactual label is 1; the prior says that a
    conversion and its counterfactual sum to 1. Both propensities are floored at ``1 / max_weight``, without a
    gradient.

    The twin's label says 'no conversion' of every row that was not clicked, also of those that would have
    converted: the prior pulls the conversion head towards 0 there. Its bias vanishes with ``prior_weight``.

    Args:
        click_logits: ``[B]``.
        conversion_logits: ``[B]``.
        counterfactual_logits: of the twin, ``[B]``.
        click: 0 or 1, ``[B]``.
        conversion: 0 or 1, ``[B]``; anything where there is no click.
        max_weight: >= 1.
        prior_weight: of the prior.
        risk_weight: of both risks and the prior.
        product_weight: of 'clicked and converted'.
        across: the processes that share the batch.

    Source: Zhu et al. (2023), ICDE, in its self-normalised form.
    """
    clicked = click > 0.5
    chance = torch.sigmoid(click_logits)
    label = conversion.masked_fill(~clicked, 0.0)
    prior = (1.0 - torch.sigmoid(conversion_logits) - torch.sigmoid(counterfactual_logits)).abs()
    risk = prior_weight * _mean(prior, across)
    for logits, labels, observed, propensity in (
        (conversion_logits, label, clicked, chance),
        (counterfactual_logits, torch.ones_like(label), ~clicked, 1.0 - chance),
    ):
        inverse = predicted_click(propensity, max_weight=max_weight).reciprocal()
        weight = inverse.masked_fill(~observed, 0.0)
        losses = binary_cross_entropy_with_logits(logits, labels, reduction="none")
        risk = risk + Ratio((weight * losses).sum(), weight.sum()).mean(across)
    losses = binary_cross_entropy_with_logits(click_logits, click, reduction="none")
    product = click_and_conversion_loss(click_logits, conversion_logits, click=click, conversion=conversion)
    return _mean(losses + product_weight * product, across) + risk_weight * risk


def _mean(losses: Tensor, across: Processes) -> Tensor:
    return Ratio(losses.sum(), torch.full_like(losses, 1.0).sum()).mean(across)
