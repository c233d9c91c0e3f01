"""AliExpress search (Li et al., 2020), as MTReclib lays it out: train.csv and test.csv of a country.

N rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from benchmark import Benchmark, BenchmarkSettings, Rows, Windows, categorical, hold_out, numeric
from strict_csv import binary, codes, first_of, read_columns, refuse_row

COUNTRIES = ("NL", "ES", "FR", "US")
SEARCH = "search_id"
CATEGORICAL = tuple(f"categorical_{index}" for index in range(1, 17))
NUMERICAL = tuple(f"numerical_{index}" for index in range(1, 64))
TASKS = ("click", "conversion")
TYPES = {
    **dict.fromkeys((SEARCH, *CATEGORICAL), pa.float64()),
    **dict.fromkeys((*NUMERICAL, *TASKS), pa.float32()),
}


def read(folder: Path, settings: BenchmarkSettings) -> Windows:
    """Both files of a country; some of the searches of the train file are held out to choose the epoch."""
    own = folder / f"AliExpress_{settings.country}"
    folder = own if own.is_dir() else folder
    # Both are looked for before the large one is read.
    train, test = (first_of(folder, [name], dataset="aliexpress") for name in ("train.csv", "test.csv"))
    kept, held = hold_out(read_rows(train), share=settings.validation_share)
    return Windows(kept, held, read_rows(test))


def read_rows(path: Path) -> Rows:
    """The rows of one file; a conversion counts on all impressions, so it is what the papers call CTCVR."""
    columns = read_columns(path, TYPES, dataset="aliexpress")
    search, *values = (
        codes(path, name, columns.pop(name), has_header=True) for name in (SEARCH, *CATEGORICAL)
    )
    click, conversion = (binary(path, name, columns.pop(name), has_header=True) for name in TASKS)
    refuse_row(path, (conversion == 1) & (click == 0), "conversion is 1 where click is 0", has_header=True)
    features = {**dict(zip(CATEGORICAL, values, strict=True)), **columns}
    return Rows(pd.DataFrame(features, copy=False), np.stack([click, conversion], axis=1), search)


ALIEXPRESS = Benchmark(
    name="aliexpress",
    title="AliExpress",
    dataset="aliexpress",
    tasks=TASKS,
    features=(*categorical(CATEGORICAL), *numeric(NUMERICAL)),
    read=read,
)
