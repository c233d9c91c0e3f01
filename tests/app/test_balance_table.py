from __future__ import annotations

import math

import pandas as pd

from holdfast.app.balance_table import balance_table, balance_tables

EPOCHS = pd.DataFrame(
    {
        "epoch": [0, 1],
        "train/loss": [2.0, 1.0],
        "gates/click/entropy": [0.5, 0.4],
        "balance/weight/click": [0.5, 0.6],
        "balance/weight/dwell": [0.5, math.nan],
        "balance/cosine/click_dwell": [-0.1, 0.2],
        "balance/conflict_share": [0.75, 0.25],
    }
)


def test_one_row_an_epoch_and_quantity() -> None:
    table = balance_table(EPOCHS)
    assert list(table.columns) == ["epoch", "quantity", "objective", "other", "value"]
    assert len(table) == 8
    cosines = table[table["quantity"] == "cosine"]
    assert cosines[["objective", "other"]].drop_duplicates().to_numpy().tolist() == [["click", "dwell"]]
    assert cosines["value"].tolist() == [-0.1, 0.2]
    assert table[table["quantity"] == "conflict_share"]["objective"].unique().tolist() == [""]
    assert table[table["objective"] == "dwell"]["value"].isna().tolist() == [False, True]


def test_weights_that_never_change_have_no_table() -> None:
    plain = EPOCHS[["epoch", "train/loss"]]
    assert balance_table(plain).empty
    assert balance_tables(plain) == {}
    assert list(balance_tables(EPOCHS)) == ["balance"]
