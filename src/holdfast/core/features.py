"""What a model may look at: declared on the dataset card, fixed in shape by the encoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FeatureKind = Literal["numeric", "categorical", "multi_valued", "sequence"]
FeatureOwner = Literal["user", "item", "context"]

MISSING_ROW = 0
"""Row of every embedding table that stands for 'no value'; also the padding of lists."""
UNKNOWN_ROW = 1
"""Row of every embedding table that stands for 'a value that training did not see (often enough)'."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One column of the log that a model may use.

    Attributes:
        name: column of the log; a contract column such as ``item_id`` may be a feature too.
        kind: ``numeric``; ``categorical`` (one value); ``multi_valued`` (a set of values) or ``sequence``
            (values in order of time, the last one the most recent).
        owner: what the value belongs to; a new item brings new values of ``item`` features.
        max_length: values kept of a list feature; a ``sequence`` keeps its most recent ones.
        vocabulary: name of the vocabulary, and so of the embedding rows, that the values share with other
            features; the feature's own name when empty.
        scale: how a numeric column is brought to order one: ``linear`` standardises, ``log`` standardises
            ``sign(x) log(1 + |x|)`` and suits counts and durations.
        gap_of: for a ``sequence``: name of the sequence of events whose times, bucketed, it holds, one an
            event. It is then no input of its own, but tells that sequence's encoder how long ago things were.
    """

    name: str
    kind: FeatureKind
    owner: FeatureOwner
    max_length: int = 20
    vocabulary: str = ""
    scale: Literal["linear", "log"] = "linear"
    gap_of: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("numeric", "categorical", "multi_valued", "sequence"):
            raise ValueError(
                f"feature {self.name!r}: kind is {self.kind!r}; "
                "choose numeric, categorical, multi_valued or sequence"
            )
        if self.owner not in ("user", "item", "context"):
            raise ValueError(f"feature {self.name!r}: owner is {self.owner!r}; choose user, item or context")
        if self.scale not in ("linear", "log"):
            raise ValueError(f"feature {self.name!r}: scale is {self.scale!r}; choose linear or log")
        if self.max_length < 1:
            raise ValueError(f"feature {self.name!r}: max_length is {self.max_length}; it must be at least 1")
        if self.gap_of and self.kind != "sequence":
            raise ValueError(
                f"feature {self.name!r}: gap_of is {self.gap_of!r}, and kind is {self.kind!r}; only a "
                "sequence holds the times of another one"
            )

    @property
    def is_list(self) -> bool:
        """Whether a row holds a list of values."""
        return self.kind in ("multi_valued", "sequence")

    @property
    def vocabulary_name(self) -> str:
        """The vocabulary that holds the values of this feature."""
        return self.vocabulary or self.name


@dataclass(frozen=True, kw_only=True)
class ListField:
    """An encoded list feature: ``max_length`` ids a row, padded at the end with ``MISSING_ROW``.

    Attributes:
        name: of the feature.
        max_length: L.
        ordered: whether the values stand in order of time, the last one the most recent.
        gap_of: name of the ordered list of events whose bucketed times this one holds, one an event; empty
            for a list that is an input of its own.
        target: name of the categorical input with which the events may be compared, because it says of the
            row's own item what they say of others; empty where there is none.
    """

    name: str
    max_length: int
    ordered: bool = False
    gap_of: str = ""
    target: str = ""


@dataclass(frozen=True, kw_only=True)
class InputSchema:
    """The encoded inputs of a model: which column is where, and how large each vocabulary is.

    Attributes:
        categorical: names of the columns of ``Inputs.categorical``, in order.
        numeric: names of the columns of ``Inputs.numeric``, in order (missing indicators included).
        lists: the list inputs, in the order of ``Inputs.lists``.
        vocabulary_of: vocabulary of each categorical and list input.
        num_rows: rows of each vocabulary's embedding table, the missing and the unknown row included.
    """

    categorical: tuple[str, ...]
    numeric: tuple[str, ...]
    lists: tuple[ListField, ...] = ()
    vocabulary_of: dict[str, str] = field(default_factory=dict)
    num_rows: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.categorical or self.numeric or self.lists):
            raise ValueError("a model needs at least one input; declare features on the dataset card")
        for name in (*self.categorical, *(each.name for each in self.lists)):
            if self.num_rows.get(self.vocabulary_of.get(name, ""), 0) < 2:
                raise ValueError(f"input {name!r} has no vocabulary with at least the two reserved rows")
        for each in self.lists:
            _check_companions(each, self)

    @property
    def fields(self) -> tuple[str, ...]:
        """The inputs of which each gives one vector: categorical ones, then lists that hold no gaps."""
        return (*self.categorical, *(each.name for each in self.lists if not each.gap_of))


def _check_companions(of: ListField, schema: InputSchema) -> None:
    """Refuse a list whose events, or whose target, are not there or do not fit."""
    vocabulary = schema.vocabulary_of
    if of.target and (
        of.target not in schema.categorical or vocabulary[of.target] != vocabulary[of.name] or not of.ordered
    ):
        raise ValueError(
            f"list {of.name!r} has the target {of.target!r}; a target is a categorical input with the "
            "vocabulary of an ordered list"
        )
    if not of.gap_of:
        return
    events = [each for each in schema.lists if each.name == of.gap_of]
    if not (events and events[0].ordered and not events[0].gap_of and events[0].max_length == of.max_length):
        raise ValueError(
            f"list {of.name!r} holds the gaps of {of.gap_of!r}; that must be an ordered list of events with "
            f"max_length {of.max_length} too"
        )
    if [each.gap_of for each in schema.lists].count(of.gap_of) > 1:
        raise ValueError(f"several lists hold the gaps of {of.gap_of!r}; keep one of them")
