"""From raw columns to the numbers that a model reads: fitted on the training rows, then fixed.

N rows, F categorical inputs, D numeric inputs, L values of a list input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.core.features import Feature, InputSchema, ListField
from holdfast.core.files import read_json, whole_folder, write_json
from holdfast.data.encodable import check_columns, check_gaps, readable, without_torn_gaps
from holdfast.data.scaling import Scaling, as_numbers, fit_scaling
from holdfast.data.vocabulary import Keys, Vocabulary, each_list_once, fit_vocabulary, flatten, pad

ENCODER_FILE = "encoder.json"
CONTENT_COLUMN = "content_seconds"
MISSING_SUFFIX = "__missing"
"""Ends the name of the input that is 1 where a feature that training saw missing at times is missing."""


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """How raw values become model inputs.

    Attributes:
        min_count: a value that the training rows hold less often is unknown, so that the unknown row of each
            embedding table is trained too; 1 keeps every value.
        max_vocabulary: most values of a vocabulary, the most frequent ones, at least 1.
        clip: standardised numbers are cut to ± this, > 0.
    """

    min_count: int = 2
    max_vocabulary: int = 2_000_000
    clip: float = 8.0

    def __post_init__(self) -> None:
        for name in ("min_count", "max_vocabulary"):
            if getattr(self, name) < 1:
                raise ValueError(f"encoder.{name} is {getattr(self, name)}; it must be at least 1")
        if not self.clip > 0:
            raise ValueError(f"encoder.clip is {self.clip}; it must be above 0 (8 cuts hardly anything)")


@dataclass(frozen=True)
class EncodedInputs:
    """The inputs of N rows as arrays; ``core.batch.Inputs`` explains them.

    Attributes:
        categorical: int32 ``[N, F]``.
        numeric: float32 ``[N, D]``.
        lists: int32 ``[N, L]`` each.
        content_seconds: float32 ``[N]``; ``inf`` where nothing caps dwell.
    """

    categorical: NDArray[np.int32]
    numeric: NDArray[np.float32]
    lists: tuple[NDArray[np.int32], ...]
    content_seconds: NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.content_seconds.shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoder:
    """What the training rows taught about the features: vocabularies and scales.

    Attributes:
        features: the columns that it reads.
        settings: as fitted.
        scaling: of each numeric feature, by name.
        vocabularies: by vocabulary name.
    """

    features: tuple[Feature, ...]
    settings: EncoderSettings
    scaling: dict[str, Scaling]
    vocabularies: dict[str, Vocabulary]

    @cached_property
    def schema(self) -> InputSchema:
        """The inputs; among the numbers, the missing indicators follow all the values.

        A column that was never missing in training has no indicator: its weights would stay as they were
        drawn, and a value that goes missing later would add their noise instead of just the column's mean.
        """
        numeric = [feature.name for feature in self._of_kind("numeric")]
        indicators = [name + MISSING_SUFFIX for name in numeric if self.scaling[name].seen_missing]
        with_vocabulary = [feature for feature in self.features if feature.kind != "numeric"]
        return InputSchema(
            categorical=tuple(feature.name for feature in self._of_kind("categorical")),
            numeric=(*numeric, *indicators),
            lists=tuple(
                ListField(
                    name=feature.name,
                    max_length=feature.max_length,
                    ordered=feature.kind == "sequence",
                    gap_of=feature.gap_of,
                    target=self._target_of(feature),
                )
                for feature in self.features
                if feature.is_list
            ),
            vocabulary_of={feature.name: feature.vocabulary_name for feature in with_vocabulary},
            num_rows={name: vocabulary.num_rows for name, vocabulary in self.vocabularies.items()},
        )

    def transform(self, frame: pd.DataFrame) -> EncodedInputs:
        """Encode raw rows. Values never seen are unknown, and those that cannot be read are missing.

        Args:
            frame: a column a feature; ``content_seconds`` if there is any, ``[N]``.

        Raises:
            UserError: a feature has no column, or its column is of another kind altogether.
        """
        check_columns(frame, self.features)
        lists = tuple(self._list(frame, feature) for feature in self.features if feature.is_list)
        return EncodedInputs(
            categorical=self._categorical(frame),
            numeric=self._numeric(frame),
            lists=without_torn_gaps(self.schema.lists, lists),
            content_seconds=content_seconds_of(frame),
        )

    def _target_of(self, sequence: Feature) -> str:
        """The first categorical feature of the item that shares a sequence's vocabulary; empty for none."""
        if sequence.kind != "sequence" or sequence.gap_of:
            return ""
        same = (
            feature.name
            for feature in self._of_kind("categorical")
            if feature.owner == "item" and feature.vocabulary_name == sequence.vocabulary_name
        )
        return next(same, "")

    def _of_kind(self, kind: str) -> list[Feature]:
        return [feature for feature in self.features if feature.kind == kind]

    def _categorical(self, frame: pd.DataFrame) -> NDArray[np.int32]:
        features = self._of_kind("categorical")
        encoded = np.empty((len(frame), len(features)), dtype=np.int32)
        for index, feature in enumerate(features):
            encoded[:, index] = self._rows(feature, frame[feature.name])
        return encoded

    def _numeric(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        features = self._of_kind("numeric")
        encoded = np.empty((len(frame), len(self.schema.numeric)), dtype=np.float32)
        indicator = len(features)
        for index, feature in enumerate(features):
            scaling, numbers = self.scaling[feature.name], as_numbers(frame[feature.name])
            encoded[:, index] = scaling.apply(numbers, clip=self.settings.clip)
            if scaling.seen_missing:
                encoded[:, indicator] = ~np.isfinite(numbers)
                indicator += 1
        return encoded

    def _list(self, frame: pd.DataFrame, feature: Feature) -> NDArray[np.int32]:
        lists, place = each_list_once(frame[feature.name])
        rows, values = flatten(lists)
        ids, last = self._rows(feature, values), feature.kind == "sequence"
        padded = pad(rows, ids, num_rows=len(lists), length=feature.max_length, keep_last=last)
        return padded if place is None else padded[place]

    def _rows(self, feature: Feature, values: pd.Series | Keys) -> Ints:
        with readable([feature]):
            return self.vocabularies[feature.vocabulary_name].rows(values)

    def save(self, folder: Path) -> None:
        """Write settings and scales as JSON and the vocabularies as Parquet."""
        names = sorted(self.vocabularies)
        with whole_folder(folder) as temporary:
            for index, name in enumerate(names):
                keys = self.vocabularies[name].keys
                column = pa.array(keys, type=pa.int64() if keys.dtype == np.int64 else pa.string())
                pq.write_table(pa.table({"value": column}), temporary / _vocabulary_file(index))
            record = {
                "settings": asdict(self.settings),
                "features": [asdict(feature) for feature in self.features],
                "scaling": {name: asdict(scaling) for name, scaling in self.scaling.items()},
                "vocabularies": names,
            }
            write_json(temporary / ENCODER_FILE, record)


def fit_encoder(frame: pd.DataFrame, features: Sequence[Feature], settings: EncoderSettings) -> Encoder:
    """Learn vocabularies and scales from the training rows, and from nothing else.

    Args:
        frame: the raw training rows, a column a feature, ``[N]``.
        features: what to encode; features of one vocabulary share its rows.
        settings: how.

    Raises:
        UserError: there are no features, a feature has no column, or one that cannot be encoded, or gaps lack
            the events that they belong to.
    """
    features = tuple(features)
    if not features:
        raise UserError("there are no features to encode; declare some on the dataset card")
    check_columns(frame, features)
    check_gaps(frame, features)
    scaling = {
        feature.name: fit_scaling(as_numbers(frame[feature.name]), scale=feature.scale)
        for feature in features
        if feature.kind == "numeric"
    }
    shared: dict[str, list[Feature]] = {}
    for feature in features:
        if feature.kind != "numeric":
            shared.setdefault(feature.vocabulary_name, []).append(feature)
    vocabularies: dict[str, Vocabulary] = {}
    for name, members in shared.items():
        with readable(members):
            vocabularies[name] = fit_vocabulary(
                [_values(frame, feature) for feature in members],
                min_count=settings.min_count,
                max_vocabulary=settings.max_vocabulary,
            )
    encoder = Encoder(features=features, settings=settings, scaling=scaling, vocabularies=vocabularies)
    try:
        _ = encoder.schema
    except ValueError as error:
        raise UserError(f"the features on the dataset card do not go together: {error}") from error
    return encoder


def load_encoder(folder: Path) -> Encoder:
    """Read an encoder that ``Encoder.save`` wrote.

    Raises:
        UserError: a file is missing, or does not hold what it should.
    """
    try:
        record = read_json(folder / ENCODER_FILE)
        vocabularies = {
            name: Vocabulary(_read_keys(folder / _vocabulary_file(index)))
            for index, name in enumerate(record["vocabularies"])
        }
        return Encoder(
            features=tuple(Feature(**feature) for feature in record["features"]),
            settings=EncoderSettings(**record["settings"]),
            scaling={name: Scaling(**values) for name, values in record["scaling"].items()},
            vocabularies=vocabularies,
        )
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder} does not hold a complete encoder ({error}); export or prepare it again"
        ) from error


def _values(frame: pd.DataFrame, feature: Feature) -> pd.Series | Keys:
    return flatten(frame[feature.name])[1] if feature.is_list else frame[feature.name]


def content_seconds_of(frame: pd.DataFrame) -> NDArray[np.float32]:
    """Length of each row's content, float32 ``[N]``; ``inf`` where nothing caps dwell."""
    if CONTENT_COLUMN not in frame:
        return np.full(len(frame), np.inf, dtype=np.float32)
    with np.errstate(over="ignore"):
        seconds = as_numbers(frame[CONTENT_COLUMN]).astype(np.float32)
    # A length of nothing caps nothing: it says that the length is not known.
    return np.where(seconds > 0.0, seconds, np.float32(np.inf))


def _vocabulary_file(index: int) -> str:
    """By number, because a vocabulary may have any name and a file may not."""
    return f"vocabulary_{index:03d}.parquet"


def _read_keys(path: Path) -> Keys:
    column = pq.read_table(path).column("value")
    keys: Keys = column.to_numpy() if pa.types.is_integer(column.type) else np.asarray(column, dtype=object)
    return keys
