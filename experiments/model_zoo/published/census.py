"""Census-Income (KDD) of the UCI repository: who earns above 50,000, and who was never married?

N rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from benchmark import Benchmark, BenchmarkSettings, Rows, Windows, categorical, hold_out, numeric
from strict_csv import first_of, read_columns, refuse_row

COLUMNS = (
    "age", "class_of_worker", "industry_code", "occupation_code", "education", "wage_per_hour",
    "enrolled_in_education", "marital_status", "major_industry", "major_occupation", "race",
    "hispanic_origin", "sex", "union_member", "reason_for_unemployment", "full_or_part_time",
    "capital_gains", "capital_losses", "dividends", "tax_filer_status", "region_of_previous_residence",
    "state_of_previous_residence", "detailed_household_status", "detailed_household_summary",
    "instance_weight", "migration_between_msa", "migration_between_regions", "migration_within_region",
    "same_house_a_year_ago", "previous_residence_in_sunbelt", "num_persons_of_employer",
    "family_members_under_18", "birth_country_of_father", "birth_country_of_mother", "birth_country",
    "citizenship", "own_business", "questionnaire_for_veterans", "veterans_benefits", "weeks_worked",
    "year", "income",
)  # fmt: skip
"""The 42 columns, in the order of the files, which have no line of names."""

NUMERICAL = (
    "age",
    "wage_per_hour",
    "capital_gains",
    "capital_losses",
    "dividends",
    "num_persons_of_employer",
    "weeks_worked",
)
IGNORED = ("instance_weight",)
"""How many people a row stands for: the data set's own description says that it is no feature."""
LABELS = ("income", "marital_status")
CATEGORICAL = tuple(name for name in COLUMNS if name not in (*NUMERICAL, *IGNORED, *LABELS))
TASKS = ("income", "never_married")
ABOVE, BELOW, NEVER_MARRIED = "50000+.", "- 50000.", "Never married"
TYPES = {
    **dict.fromkeys(NUMERICAL, pa.float64()),
    **dict.fromkeys((*CATEGORICAL, *LABELS), pa.string()),
}


def read(folder: Path, settings: BenchmarkSettings) -> Windows:
    """The train file, and the test file cut in two: to choose the epoch, and to be judged on."""
    train, test = (
        first_of(folder, [f"census-income.{part}", f"census-income.{part}.gz"], dataset="census_income")
        for part in ("data", "test")
    )
    judged, held = hold_out(read_rows(test), share=settings.validation_share)
    return Windows(read_rows(train), held, judged)


def read_rows(path: Path) -> Rows:
    """The rows of one file."""
    columns = read_columns(path, TYPES, dataset="census_income", header=COLUMNS)
    income, marital = (columns.pop(name) for name in LABELS)
    refuse_row(
        path,
        (income != ABOVE) & (income != BELOW),
        f"income is neither {ABOVE!r} nor {BELOW!r}",
        has_header=False,
    )
    labels = np.stack([income == ABOVE, marital == NEVER_MARRIED], axis=1).astype(np.float32)
    return Rows(pd.DataFrame(columns, copy=False), labels, np.arange(len(labels), dtype=np.int64))


CENSUS = Benchmark(
    name="census",
    title="Census-Income (KDD)",
    dataset="census_income",
    tasks=TASKS,
    features=(*categorical(CATEGORICAL), *numeric(NUMERICAL)),
    read=read,
)
