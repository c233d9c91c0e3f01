from __future__ import annotations

import math

import numpy as np
import torch
from sklearn.metrics import log_loss

from holdfast.core.batch import Outcome
from holdfast.models.heads.bernoulli import Bernoulli


def test_loss_agrees_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 1, generator=generator, dtype=torch.float64)
    label = (torch.rand(200, generator=generator) < 0.4).to(torch.float64)
    every = torch.ones(200, dtype=torch.bool)
    losses = Bernoulli().negative_log_likelihood(logits, Outcome(label, every, every))
    expected = log_loss(label.numpy(), torch.sigmoid(logits[:, 0]).numpy())
    np.testing.assert_allclose(losses.mean().item(), expected, rtol=1e-10)


def test_loss_by_hand_also_where_the_sigmoid_saturates() -> None:
    logits = torch.tensor([[0.0], [200.0], [-200.0], [200.0]])
    outcome = Outcome(
        torch.tensor([1.0, 0.0, 1.0, 1.0]), torch.ones(4, dtype=torch.bool), torch.ones(4, dtype=torch.bool)
    )
    losses = Bernoulli().negative_log_likelihood(logits, outcome)
    torch.testing.assert_close(losses, torch.tensor([math.log(2.0), 200.0, 200.0, 0.0]))


def test_a_censored_answer_teaches_nothing() -> None:
    logits = torch.zeros(1, 1, requires_grad=True)
    outcome = Outcome(torch.ones(1), torch.zeros(1, dtype=torch.bool), torch.ones(1, dtype=torch.bool))
    loss = Bernoulli().negative_log_likelihood(logits, outcome).sum()
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert logits.grad.item() == 0.0


def test_quantile_is_the_smallest_answer_with_enough_probability() -> None:
    logits = torch.logit(torch.tensor([[0.2], [0.7]]))
    assert Bernoulli().quantile(logits, 0.5).tolist() == [0.0, 1.0]
    assert Bernoulli().quantile(logits, 0.9).tolist() == [1.0, 1.0]


def test_the_output_can_be_named() -> None:
    head = Bernoulli(output="like_probability")
    assert head.score == "like_probability"
    assert set(head.predict(torch.zeros(2, 1), torch.ones(2))) == {"like_probability"}
