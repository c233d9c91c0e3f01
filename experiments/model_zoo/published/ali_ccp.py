"""Ali-CCP (Ma et al., 2018): impressions of Taobao's recommender, features of users in a file of their own.

N rows, F fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from benchmark import Benchmark, BenchmarkSettings, Rows, Windows, categorical, hold_out
from numpy.typing import NDArray
from strict_csv import first_of, opened

from holdfast.core.errors import UserError

FIELDS = (
    "101", "121", "122", "124", "125", "126", "127", "128", "129", "205", "206", "207", "216", "508",
    "509", "702", "853", "301",
)  # fmt: skip
"""The 18 fields of one value that AITM's authors use; histories such as 109_14 are not among them."""
NONE_GIVEN = 0
"""Stands for a field that a row does not have, as in the authors' files."""
TASKS = ("click", "purchase")
_BETWEEN, _AFTER_FIELD, _AFTER_ID = "\x01", "\x02", "\x03"
_PIECE = 1 << 16
_LARGEST = np.iinfo(np.int32).max
_PLACE = {name: place for place, name in enumerate(FIELDS)}

Given = dict[int, int]
"""Id of what a row has in a field, by the field's place."""


def read(folder: Path, settings: BenchmarkSettings) -> Windows:
    """All four files; a share of the train rows is held out to choose the epoch."""
    paths = [
        first_of(folder, [f"{kind}_{part}.csv"], dataset="ali_ccp")
        for part in ("train", "test")
        for kind in ("sample_skeleton", "common_features")
    ]
    (train, left_out), (test, also) = read_rows(*paths[:2]), read_rows(*paths[2:])
    kept, held = hold_out(train, share=settings.validation_share)
    note = f"left out, as by AITM's authors: {left_out + also} rows with a purchase and no click"
    return Windows(kept, held, test, notes=(note,))


def read_rows(samples: Path, users: Path) -> tuple[Rows, int]:
    """The rows of one part, and how many were left out: those with a purchase and no click.

    Where both files give a field, the one of common features counts.
    """
    common = dict(_common(users))
    ids, labels, left_out = [], [], 0
    piece = np.empty((_PIECE, len(FIELDS)), dtype=np.int32)
    size = 0
    for number, line in _lines(samples):
        clicked, bought, given = _sample(samples, number, line, common, users)
        if bought and not clicked:
            left_out += 1
            continue
        piece[size] = NONE_GIVEN
        for place, value in given.items():
            piece[size, place] = value
        labels.append((clicked, bought))
        size += 1
        if size == _PIECE:
            ids.append(piece.copy())
            size = 0
    ids.append(piece[:size].copy())
    if not labels:
        raise UserError(f"{samples} holds no rows; datasets/ali_ccp/README.md says where to get the data")
    return _rows(np.concatenate(ids), np.array(labels, dtype=np.float32)), left_out


def _rows(ids: NDArray[np.int32], labels: NDArray[np.float32]) -> Rows:
    features = pd.DataFrame(
        {name: np.ascontiguousarray(ids[:, place]) for place, name in enumerate(FIELDS)}, copy=False
    )
    return Rows(features, labels, np.arange(len(labels), dtype=np.int64))


def _sample(
    path: Path, number: int, line: str, common: dict[str, Given], users: Path
) -> tuple[bool, bool, Given]:
    """Whether a row was clicked, whether it was bought, and what it has in which field."""
    values = line.split(",")
    if len(values) != 6:
        raise _wrong(path, number, f"holds {len(values)} values between commas and not 6")
    _, click, purchase, index, _, text = values
    if click not in ("0", "1") or purchase not in ("0", "1"):
        raise _wrong(path, number, f"click {click!r} or purchase {purchase!r} is neither 0 nor 1")
    if index not in common:
        raise _wrong(path, number, f"the common features {index!r} are not in {users.name}")
    return click == "1", purchase == "1", _given(path, number, text) | common[index]


def _common(path: Path) -> Iterator[tuple[str, Given]]:
    for number, line in _lines(path):
        values = line.split(",")
        if len(values) != 3:
            raise _wrong(path, number, f"holds {len(values)} values between commas and not 3")
        yield values[0], _given(path, number, values[2])


def _given(path: Path, number: int, text: str) -> Given:
    """The fields of a line that are used; of a field given twice, the last."""
    given: Given = {}
    for each in text.split(_BETWEEN):
        name, _, rest = each.partition(_AFTER_FIELD)
        value, separator, _ = rest.partition(_AFTER_ID)
        if not separator:
            raise _wrong(path, number, f"{each!r} is not a field, an id and a value between \\x02 and \\x03")
        if name in _PLACE:
            if not value.isdecimal() or int(value) > _LARGEST:
                raise _wrong(
                    path, number, f"field {name} has the id {value!r}, not a number up to {_LARGEST}"
                )
            given[_PLACE[name]] = int(value)
    return given


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines by number, from 1, without those that are blank."""
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            if line := line.rstrip("\r\n"):
                yield number, line


def _wrong(path: Path, number: int, said: str) -> UserError:
    return UserError(f"{path}: line {number}: {said}; copy it again, or see datasets/ali_ccp/README.md")


ALI_CCP = Benchmark(
    name="ali_ccp",
    title="Ali-CCP",
    dataset="ali_ccp",
    tasks=TASKS,
    features=categorical(FIELDS),
    read=read,
)
