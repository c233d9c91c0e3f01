"""What the floors agree on without seeing each other.

B rows, N rows of the train window, G moments, P parameters of a head's distribution, L events of a list, W
embedding width, I width of the representation, T objectives, O width of what a tower reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from holdfast.core.arrays import Bools, Floats
from holdfast.core.batch import Inputs, Outcome
from holdfast.core.features import InputSchema
from holdfast.core.representation import (
    EmbeddedFields,
    FieldsShape,
    Representation,
    RepresentationShape,
)
from holdfast.core.scored_rows import ScoredRows

Population = Literal["opened", "all"]
"""Rows on which a dwell head is defined: those that were opened, or all, where not opened means 0 seconds."""


@runtime_checkable
class Head(Protocol):
    """A distribution of one outcome given the shared representation.

    A head holds settings and no weights: a tower of the model maps the representation to ``num_parameters``
    numbers a row, and the head says what they mean.
    """

    @property
    def num_parameters(self) -> int:
        """P: numbers a row that the distribution needs."""
        ...

    @property
    def score(self) -> str:
        """Name of the output of ``predict`` that ranks: the expected value, higher is better."""
        ...

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]`` given parameters ``[B, P]``; 0, with a zero gradient, where not known."""
        ...

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """Named outputs in the outcome's own units, each ``[B]`` or ``[B, ...]``; exportable to ONNX."""
        ...

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """The ``level`` quantile of the outcome ``[B]``, ``level`` in (0, 1)."""
        ...


@runtime_checkable
class DwellHead(Head, Protocol):
    """A distribution of the seconds on an item's content, made comparable with every other one.

    ``predict`` gives ``dwell_seconds``: the expected seconds on the row's own content if it is opened. A head
    over all rows also gives ``dwell_open_probability``, and ``dwell_impression_seconds``, the product.
    """

    @property
    def population(self) -> Population:
        """The rows that it learns from; over ``all`` rows, a value of 0 means not opened."""
        ...

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds`` ``[B, G]`` if opened, before the content cuts it off, ``[B, G]``.

        ``content_seconds`` ``[B]`` is the content's length, for heads whose distribution depends on it.
        """
        ...


@runtime_checkable
class DensityHead(DwellHead, Protocol):
    """A dwell head whose distribution has a density, so that it has a logarithmic score."""

    def log_density(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Log-density of the *logarithm* of the dwell if opened, at ``seconds`` ``[B, G]``, ``[B, G]``.

        That of the logarithm has no unit, so that heads and logs compare.
        """
        ...


@runtime_checkable
class FittedHead(Protocol):
    """A head that needs statistics of the train window, such as the edges of bins, before it can be used.

    What was fitted is held in the fields that its constructor does not take; ``models.fitted`` saves them.
    """

    @property
    def notes(self) -> tuple[str, ...] | None:
        """What a reader must know of the fit, such as a fallback and how often; None where not fitted."""
        ...

    def fitted(
        self, value: Floats, *, event: Bools, known: Bools, content_seconds: Floats, weight: Floats
    ) -> Self:
        """The head with the statistics of the train window.

        Args:
            value: outcome, or a lower bound of it; anything where not ``known``, ``[N]``.
            event: False where ``value`` is only a lower bound, ``[N]``.
            known: False for rows that do not count, ``[N]``.
            content_seconds: length of the content, ``inf`` where nothing caps dwell, ``[N]``.
            weight: what a row counts, >= 0, ``[N]``.

        Raises:
            ValueError: no row is known, none of them is an event, or the outcome is constant.
        """
        ...


@runtime_checkable
class SequenceEncoder(Protocol):
    """Makes one vector of a list in order of time."""

    def build(self, length: int, embedding_dim: int) -> SequenceModule:
        """A module with fresh weights for lists of at most ``length`` events."""
        ...


class SequenceModule(nn.Module):
    """Maps the embedded events of a list to one vector a row."""

    def forward(
        self, events_BLW: Tensor, present_BL: Tensor, target_BW: Tensor, gaps_BLW: Tensor | None
    ) -> Tensor:
        """One vector a row, ``[B, W]``; all zeros where there is no event.

        Args:
            events_BLW: the events in order of time, the most recent one the last that is present; anything,
                NaN included, where none is.
            present_BL: whether there is an event; events fill the front, padding the end.
            target_BW: embedding of the row's own value in the vocabulary of the events; zeros where the row
                has none.
            gaps_BLW: embedded time from each event to the row; None where the data do not tell.
        """
        raise TypeError(f"{type(self).__name__} does not define forward")


@runtime_checkable
class Interaction(Protocol):
    """How the fields of a row meet before the objectives see them."""

    def build(self, shape: FieldsShape) -> InteractionModule:
        """A module with fresh weights."""
        ...


class InteractionModule(nn.Module):
    """Maps embedded fields to one vector a row."""

    output_width: int
    """I: width of the representation."""

    def forward(self, fields: EmbeddedFields) -> Tensor:
        """The representation of each row, ``[B, I]``."""
        raise TypeError(f"{type(self).__name__} does not define forward")


@runtime_checkable
class Mixture(Protocol):
    """How objectives share a representation."""

    @property
    def own_embeddings(self) -> bool:
        """Whether each objective gets embeddings of its own beside the shared ones."""
        ...

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights."""
        ...


@runtime_checkable
class NamesObjectives(Protocol):
    """A component whose settings name objectives: mistakes in them are found before there are data."""

    def check(self, objectives: Sequence[str]) -> None:
        """Refuse settings that do not fit the objectives of a model.

        Raises:
            ValueError: names the field that is at fault.
        """
        ...


class MixtureModule(nn.Module):
    """Maps a representation to one vector an objective and row."""

    output_width: int
    """O: width of what each objective's tower reads."""

    def forward(self, representation: Representation) -> Tensor:
        """One vector an objective, in the order of the objectives given to ``build``, ``[T, B, O]``."""
        raise TypeError(f"{type(self).__name__} does not define forward")


@runtime_checkable
class Fusion(Protocol):
    """Makes one ranking score out of the heads' scores."""

    def fuse(self, scores: Mapping[str, Tensor], inputs: Inputs | None = None) -> Tensor:
        """The fused score ``[B]`` of the heads' scores by objective, each ``[B]``; exportable to ONNX.

        ``inputs`` are the rows that were scored, for fusions that weigh segments differently.
        """
        ...


@runtime_checkable
class FittedFusion(Fusion, Protocol):
    """A fusion whose weights are learned on the validation window before it can be used.

    What was fitted is held in the fields that its constructor does not take; see ``core.fitted_state``.
    """

    @property
    def notes(self) -> tuple[str, ...] | None:
        """What a reader must know of the fit, a sentence each; None where not fitted."""
        ...

    def check(self, objectives: Sequence[str], schema: InputSchema | None = None) -> None:
        """Refuse what cannot be fitted for these objectives and, where they are known, these inputs.

        Raises:
            ValueError: names the field that is at fault.
        """
        ...

    def fitted(self, rows: ScoredRows) -> Self:
        """The fusion with weights learned from the rows of the validation window.

        Raises:
            ValueError: the rows cannot teach it; says why.
        """
        ...


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights are."""
    return next(module.parameters()).device
