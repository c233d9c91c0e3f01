"""What every head in holdfast.models.heads must do, whatever it predicts."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import io
import json
import math
import pickle
import pkgutil
import typing
import warnings
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import holdfast.models.heads
from holdfast.core.batch import Outcome
from holdfast.core.protocols import DensityHead, DwellHead, FittedHead, Head
from holdfast.models.fitted import restored, state_of
from holdfast.objectives.losses import weighted_mean_terms

ROWS = 6
CONTENT = torch.tensor([40.0, 30.0, math.inf, 600.0, 5.0, 1e9], dtype=torch.float64)


def training_columns(rows: int = 2000) -> dict[str, typing.Any]:
    """Dwells on content of many lengths, a third of them cut off, and some not known."""
    rng = np.random.default_rng(7)
    stay, content = rng.lognormal(3.0, 1.0, rows), rng.uniform(5.0, 120.0, rows)
    content[::17] = np.inf
    value = np.minimum(stay, content)
    known = rng.random(rows) < 0.9
    return {
        "value": np.where(known, value, np.nan),
        "event": stay < content,
        "known": known,
        "content_seconds": content,
        "weight": np.ones(rows),
    }


def fitted(head: Head) -> Head:
    if not isinstance(head, FittedHead):
        return head
    columns = training_columns()
    return typing.cast(Head, head.fitted(columns.pop("value"), **columns))


@functools.cache
def unfitted_heads() -> tuple[Head, ...]:
    found: list[Head] = []
    for module in pkgutil.iter_modules(holdfast.models.heads.__path__, "holdfast.models.heads."):
        for member in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(member)
                and member.__module__ == module.name
                and dataclasses.is_dataclass(member)
                and hasattr(member, "negative_log_likelihood")
            ):
                found.append(typing.cast(Head, member()))
    return tuple(found)


def name_of(head: object) -> str:
    return type(head).__name__


HEADS = [fitted(head) for head in unfitted_heads()]
DWELL = [head for head in HEADS if isinstance(head, DwellHead)]
DENSITY = [head for head in HEADS if isinstance(head, DensityHead)]
FITTED = [head for head in unfitted_heads() if isinstance(head, FittedHead)]
every_head = pytest.mark.parametrize("head", HEADS, ids=name_of)
every_dwell_head = pytest.mark.parametrize("head", DWELL, ids=name_of)
every_fitted_head = pytest.mark.parametrize("head", FITTED, ids=name_of)


def parameters_for(head: Head, rows: int = ROWS) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(rows, head.num_parameters, generator=generator, dtype=torch.float64)


def outcome_with(known: list[bool]) -> Outcome:
    mask = torch.tensor(known)
    value = torch.tensor([1.0, 0.0, 1.0, 2.0, 1.0, 3.0], dtype=torch.float64).masked_fill(~mask, math.nan)
    return Outcome(value, torch.tensor([True, True, False, True, True, False]), mask, CONTENT)


def rows_of(outcome: Outcome, index: Tensor | slice) -> Outcome:
    return Outcome(*(getattr(outcome, field.name)[index] for field in dataclasses.fields(Outcome)))


def test_the_suite_finds_every_head() -> None:
    # A head that nobody lists is a head that nobody tests: add its name with it.
    assert {name_of(head) for head in DWELL} == {
        "CensoredLogNormal",
        "Cread",
        "D2Q",
        "MultiQuantile",
        "Tree",
        "Weibull",
        "WeightedLogistic",
        "ZeroInflatedLogNormal",
    }
    assert {name_of(head) for head in DENSITY} == {
        "CensoredLogNormal",
        "Weibull",
        "WeightedLogistic",
        "ZeroInflatedLogNormal",
    }
    assert {name_of(head) for head in FITTED} == {"Cread", "D2Q", "MultiQuantile", "Tree"}
    assert len(HEADS) >= 10


@every_head
def test_is_a_head(head: Head) -> None:
    assert isinstance(head, Head)
    assert dataclasses.is_dataclass(head)
    assert head.num_parameters >= 1


@every_head
def test_gradients_are_right(head: Head) -> None:
    outcome = outcome_with([True] * ROWS)
    parameters = parameters_for(head).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: head.negative_log_likelihood(x, outcome), (parameters,))


@every_head
def test_unknown_rows_have_no_loss_and_no_gradient_even_if_their_label_is_not_a_number(head: Head) -> None:
    outcome = outcome_with([True, False, True, False, True, False])
    parameters = parameters_for(head).requires_grad_()
    losses = head.negative_log_likelihood(parameters, outcome)
    losses.sum().backward()
    assert losses.shape == (ROWS,)
    assert losses[~outcome.known].tolist() == [0.0, 0.0, 0.0]
    assert parameters.grad is not None
    assert bool((parameters.grad[~outcome.known] == 0.0).all())
    assert bool(parameters.grad.isfinite().all())
    assert bool((parameters.grad[0] != 0.0).any())
    alone = head.negative_log_likelihood(
        parameters.detach()[outcome.known], rows_of(outcome, outcome.known)
    ).sum()
    torch.testing.assert_close(losses.sum().detach(), alone)


@every_head
def test_a_weight_of_one_is_no_weight(head: Head) -> None:
    outcome = outcome_with([True, True, False, True, True, True])
    losses = head.negative_log_likelihood(parameters_for(head), outcome)[:, None]
    where = outcome.known[:, None]
    weighted = weighted_mean_terms(losses, weight=torch.ones_like(losses), where=where).mean()
    torch.testing.assert_close(weighted[0], losses[outcome.known].mean())


@every_head
def test_a_row_counts_for_itself_wherever_it_lies(head: Head) -> None:
    parameters, outcome = parameters_for(head), outcome_with([True] * ROWS)
    together = head.negative_log_likelihood(parameters, outcome)
    alone = [
        head.negative_log_likelihood(parameters[row : row + 1], rows_of(outcome, slice(row, row + 1)))
        for row in range(ROWS)
    ]
    torch.testing.assert_close(together, torch.cat(alone))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    permuted = head.negative_log_likelihood(parameters[order], rows_of(outcome, order))
    torch.testing.assert_close(permuted, together[order])


@every_head
def test_single_precision_gives_the_same_loss_and_slope(head: Head) -> None:
    outcome = outcome_with([True] * ROWS)
    single = dataclasses.replace(outcome, value=outcome.value.float(), content_seconds=CONTENT.float())
    losses, slopes = [], []
    for dtype, rows in ((torch.float64, outcome), (torch.float32, single)):
        parameters = parameters_for(head).to(dtype).requires_grad_()
        loss = head.negative_log_likelihood(parameters, rows)
        losses.append(loss.detach().double())
        slopes.append(torch.autograd.grad(loss.sum(), parameters)[0].double())
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-5)


@every_head
def test_no_rows_are_no_trouble(head: Head) -> None:
    empty = torch.zeros(0)
    outcome = Outcome(empty, empty.bool(), empty.bool(), empty)
    parameters = torch.zeros(0, head.num_parameters)
    assert head.negative_log_likelihood(parameters, outcome).shape == (0,)
    assert all(len(values) == 0 for values in head.predict(parameters, empty).values())


@every_head
def test_predictions_are_finite_and_hold_the_score(head: Head) -> None:
    content = torch.tensor([1.0, 30.0, math.inf, 600.0, 5.0, 1e9], dtype=torch.float64)
    for dtype in (torch.float64, torch.float32):
        outputs = head.predict(100.0 * parameters_for(head).to(dtype), content.to(dtype))
        assert outputs[head.score].shape == (ROWS,)
        for name, values in outputs.items():
            assert values.shape[0] == ROWS, name
            assert bool(values.isfinite().all()), name


@every_head
def test_quantiles_do_not_fall_with_the_level(head: Head) -> None:
    parameters = parameters_for(head)
    levels = [head.quantile(parameters, level) for level in (0.05, 0.3, 0.5, 0.8, 0.99)]
    assert all(values.shape == (ROWS,) for values in levels)
    assert all(bool((lower <= higher).all()) for lower, higher in pairwise(levels))


@every_head
def test_pickled_it_is_the_same(head: Head) -> None:
    again = pickle.loads(pickle.dumps(head))
    assert again == head
    parameters, outcome = parameters_for(head), outcome_with([True] * ROWS)
    assert torch.equal(
        again.negative_log_likelihood(parameters, outcome), head.negative_log_likelihood(parameters, outcome)
    )


class AllHeads(nn.Module):
    """Every head's predictions, so that they are exported at once."""

    def forward(self, parameters: Tensor, content_seconds: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.named(parameters, content_seconds).values())

    def named(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        outputs, start = {}, 0
        for head in HEADS:
            own = parameters[:, start : start + head.num_parameters]
            start += head.num_parameters
            predicted = head.predict(own, content_seconds)
            outputs |= {f"{name_of(head)}.{name}": each for name, each in predicted.items()}
        return outputs


def test_an_exported_graph_gives_what_the_heads_give() -> None:
    width, graph, file = sum(head.num_parameters for head in HEADS), AllHeads(), io.BytesIO()
    example = (torch.zeros(3, width), torch.tensor([1.0, 60.0, math.inf]))
    names = list(graph.named(*example))
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            example,
            dynamo=True,
            dynamic_shapes=({0: batch}, {0: batch}),
            input_names=["parameters", "content_seconds"],
            output_names=names,
            opset_version=18,
            verbose=False,
        )
        assert program is not None
        program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue())
    content = torch.tensor([0.5, 3.0, 12.0, 30.0, 77.7, 600.0, 1e6, math.inf])
    for spread in (0.3, 2.0, 20.0):
        generator = torch.Generator().manual_seed(11)
        parameters = spread * torch.randn(len(content), width, generator=generator)
        given = {"parameters": parameters.numpy(), "content_seconds": content.numpy()}
        found = session.run(names, given)
        for name, values, expected in zip(names, found, graph(parameters, content), strict=True):
            np.testing.assert_allclose(values, expected.numpy(), rtol=2e-5, atol=1e-5, err_msg=name)


MOMENTS = torch.tensor([0.0, 0.7, 3.0, 11.0, 30.0, 80.0, 400.0, 3000.0], dtype=torch.float64)


@every_dwell_head
def test_survival_falls_from_one_to_nothing(head: DwellHead) -> None:
    survival = head.survival(parameters_for(head), MOMENTS.expand(ROWS, -1), CONTENT)
    assert survival.shape == (ROWS, len(MOMENTS))
    assert bool(((survival >= 0.0) & (survival <= 1.0)).all())
    assert bool((survival[:, 1:] <= survival[:, :-1] + 1e-12).all())
    assert bool((survival[:, 0] > 0.9).all())


@every_dwell_head
def test_expected_seconds_are_the_area_under_survival_up_to_the_contents_end(head: DwellHead) -> None:
    parameters = 0.5 * parameters_for(head)
    content = torch.tensor([12.0, 30.0, 45.0, 60.0, 100.0, 119.0], dtype=torch.float64)
    share = torch.linspace(0.0, 1.0, 20_001, dtype=torch.float64)
    survival = head.survival(parameters, content[:, None] * share, content)
    area = torch.trapezoid(survival, content[:, None] * share, dim=1)
    expected = head.predict(parameters, content)["dwell_seconds"]
    # Bins of a hundredth of the rows are what the coarsest head sums over.
    torch.testing.assert_close(expected, area, rtol=5e-3, atol=1e-3)
    assert bool((expected <= content).all())
    assert bool((expected > 0.0).all())


@every_dwell_head
def test_quantile_and_survival_agree(head: DwellHead) -> None:
    parameters, endless = parameters_for(head), torch.full((ROWS,), math.inf, dtype=torch.float64)
    for level in (0.2, 0.5, 0.8):
        seconds = head.quantile(parameters, level)
        survival = head.survival(parameters, seconds[:, None], endless)[:, 0]
        if head.population == "all":  # of the rows, not of the opened ones
            survival = survival * head.predict(parameters, endless)["dwell_open_probability"]
        inside = seconds > 0.0
        # Where a share of the stays ends at one moment, fewer are left after it.
        ends_at_once = survival == 0.0
        assert bool((survival <= 1.0 - level + 1e-6).all())
        torch.testing.assert_close(
            survival[inside & ~ends_at_once],
            torch.full_like(survival[inside & ~ends_at_once], 1.0 - level),
            rtol=0.0,
            atol=1e-6,
        )
        assert int(ends_at_once.sum()) <= ROWS // 2


@every_dwell_head
def test_all_dwell_heads_give_seconds_and_rank_by_them(head: DwellHead) -> None:
    outputs = head.predict(parameters_for(head), CONTENT)
    assert head.score == "dwell_seconds"
    assert bool((outputs["dwell_seconds"] <= CONTENT).all())
    assert ("dwell_impression_seconds" in outputs) == (head.population == "all")
    if head.population == "all":
        torch.testing.assert_close(
            outputs["dwell_impression_seconds"], outputs["dwell_open_probability"] * outputs["dwell_seconds"]
        )


@pytest.mark.parametrize("head", DENSITY, ids=name_of)
def test_a_density_is_the_slope_of_survival(head: DensityHead) -> None:
    parameters, seconds = parameters_for(head), MOMENTS[2:6].expand(ROWS, -1)
    step = 1e-5
    around = [head.survival(parameters, seconds * math.exp(sign * step), CONTENT) for sign in (-1.0, 1.0)]
    slope = (around[0] - around[1]) / (2.0 * step)
    density = head.log_density(parameters, seconds, CONTENT).exp()
    torch.testing.assert_close(density, slope, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("head", DWELL, ids=name_of)
def test_nobody_stays_longer_than_there_is_to_see_however_short_that_is(head: DwellHead) -> None:
    content = torch.tensor([0.0, 0.05, 0.2, 0.4, 1.0, 3.0])
    seconds = head.predict(parameters_for(head).float(), content)["dwell_seconds"]
    assert (seconds >= 0.0).all()
    assert (seconds <= content + 1e-6).all()


@pytest.mark.parametrize("head", DWELL, ids=name_of)
@pytest.mark.parametrize("extreme", [-100.0, 100.0])
def test_survival_is_a_chance_in_single_precision_also_far_out(head: DwellHead, extreme: float) -> None:
    parameters = torch.full((1, head.num_parameters), extreme)
    moments = torch.tensor([[0.0, 1e-3, 1.0, 600.0]])
    chance = head.survival(parameters, moments, torch.tensor([math.inf]))
    assert ((chance >= 0.0) & (chance <= 1.0)).all(), chance


@every_dwell_head
def test_a_cut_row_says_only_that_it_was_at_least_so_long(head: DwellHead) -> None:
    """Whatever makes its loss smaller makes the stay longer, and sure to be longer costs nothing."""
    outcome = Outcome(
        torch.tensor([20.0], dtype=torch.float64),
        torch.tensor([False]),
        torch.tensor([True]),
        torch.tensor([20.0], dtype=torch.float64),
    )
    parameters = torch.zeros(1, head.num_parameters, dtype=torch.float64, requires_grad=True)
    losses = []
    for _ in range(200):
        loss = head.negative_log_likelihood(parameters, outcome).sum()
        (gradient,) = torch.autograd.grad(loss, parameters)
        losses.append(loss.item())
        parameters = (parameters - 0.5 * gradient).detach().requires_grad_()
    assert losses[-1] < 0.5 * losses[0]
    longer = head.predict(parameters, CONTENT[3:4])["dwell_seconds"]
    fresh = head.predict(torch.zeros_like(parameters), CONTENT[3:4])["dwell_seconds"]
    assert longer.item() > fresh.item()


@every_fitted_head
def test_without_a_fit_it_says_what_to_do(head: Head) -> None:
    assert isinstance(head, FittedHead)
    assert head.notes is None
    with pytest.raises(ValueError, match="was not fitted"):
        head.predict(parameters_for(head), CONTENT)


@every_fitted_head
def test_what_was_fitted_survives_a_file(head: Head) -> None:
    made = fitted(head)
    again = restored(head, json.loads(json.dumps(state_of(made))))
    assert again == made
    assert typing.cast(FittedHead, head).notes is None, "fitting leaves the head as it was"
    outputs = made.predict(parameters_for(head), CONTENT)
    for name, values in again.predict(parameters_for(head), CONTENT).items():
        assert torch.equal(values, outputs[name])
    with pytest.raises(ValueError, match="fit it again"):
        restored(head, {"edges_of_another_version": [1.0]})


@every_fitted_head
def test_what_cannot_be_fitted_is_refused(head: Head) -> None:
    assert isinstance(head, FittedHead)
    columns = training_columns(50)
    nothing = np.zeros(50, dtype=bool)
    for changed, said in (
        ({"known": nothing}, "no dwell is known"),
        ({"event": nothing}, "cut off"),
        ({"value": np.full(50, 7.0), "known": ~nothing}, "constant"),
        ({"value": np.full(50, -7.0), "known": ~nothing}, "negative"),
        ({"weight": np.zeros(50)}, "no dwell is known"),
        ({"weight": np.ones(3)}, "must agree"),
    ):
        given = {**columns, **changed}
        with pytest.raises(ValueError, match=said):
            head.fitted(given.pop("value"), **given)


@every_fitted_head
def test_a_few_rows_and_many_ties_can_be_fitted(head: Head) -> None:
    assert isinstance(head, FittedHead)
    value = np.array([3.0, 3.0, 3.0, 3.0, 9.0, 0.0, 200_000.0])
    ones = np.ones(7, dtype=bool)
    event = np.array([True, True, True, True, False, True, False])
    made = head.fitted(
        value,
        event=event,
        known=ones,
        content_seconds=np.array([10.0, 10.0, 10.0, 10.0, 9.0, 10.0, np.inf]),
        weight=np.ones(7),
    )
    content = torch.tensor([9.0, 10.0, math.inf])
    outputs = made.predict(torch.randn(3, made.num_parameters), content)
    assert all(bool(values.isfinite().all()) for values in outputs.values())
    seconds = torch.tensor(value[-3:], dtype=torch.float32)
    outcome = Outcome(seconds, torch.tensor(event[-3:]), torch.ones(3, dtype=torch.bool), content)
    losses = made.negative_log_likelihood(torch.randn(3, made.num_parameters), outcome)
    assert bool(losses.isfinite().all())
