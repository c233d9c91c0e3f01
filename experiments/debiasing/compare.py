"""Does weighting or imputing help on ratings that chance chose? Coat, seven methods, paired over seeds.

python experiments/debiasing/compare.py --data FOLDER
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from coat import Coat, read_ratings, split
from figure import draw
from learning import METHODS, Grid, best_of_grid
from scores import auc, auc_by_user, ndcg_by_user

from holdfast.core.errors import UserError
from holdfast.core.random import generator
from holdfast.evaluation.over_seeds import mean_over_seeds

HERE = Path(__file__).parent
CUTOFF = 5
LEVEL = 0.95
MEASURES = ("auc", "ndcg@5", "ndcg@5_or_1", "mse", "user_auc")
"""NDCG twice: over users with a high rating, and as published code has it, where a user without one has 1."""


def main() -> int:
    """Run the comparison, write tables and the figure, print the summary."""
    asked = _arguments()
    torch.set_num_threads(1)
    try:
        ratings = read_ratings(Path(asked.data))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    asked.out.mkdir(parents=True, exist_ok=True)
    for threshold in asked.thresholds:
        rows, users = [], []
        for seed in range(asked.seeds):
            data = split(*ratings, validation_share=0.1, random_share=0.05, rng=generator(seed, "coat"))
            for name in METHODS:
                row, by_user = measured(name, data, threshold=threshold, grid=Grid(), seed=seed)
                rows.append({"seed": seed, "method": name, **row})
                users.append(by_user)
                said = "  ".join(f"{measure} {row[measure]:.4f}" for measure in MEASURES)
                print(f"> {threshold:g}  seed {seed}  {name:<12} {said}", flush=True)
        runs = pd.DataFrame(rows)
        table = summary(runs, np.stack(users).reshape(asked.seeds, len(METHODS), -1))
        name = f"coat_above_{threshold:g}"
        runs.to_csv(asked.out / f"{name}_runs.csv", index=False, float_format="%.6g")
        table.to_csv(asked.out / f"{name}.csv", index=False, float_format="%.4f")
        draw(table, asked.out / f"{name}.png", threshold=threshold)
        print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    return 0


def measured(
    name: str, data: Coat, *, threshold: float, grid: Grid, seed: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Train one method with one seed and measure it on the test ratings; and its NDCG by user, ``[U]``."""
    choice = best_of_grid(name, data, threshold=threshold, grid=grid, seed=seed)
    score = choice.predicted.double().numpy()
    label = np.nan_to_num(data.rating) > threshold
    ndcg = ndcg_by_user(score, label, data.test, cutoff=CUTOFF)
    row = {
        "auc": auc(score[data.test], label[data.test]),
        "ndcg@5": float(np.nanmean(ndcg)),
        "ndcg@5_or_1": float(np.nan_to_num(ndcg[data.test.any(axis=1)], nan=1.0).mean()),
        "mse": float(np.square(score[data.test] - label[data.test]).mean()),
        "user_auc": float(np.nanmean(auc_by_user(score, label, data.test))),
        "mean_predicted": float(score[data.test].mean()),
        "mean_observed": float(label[data.test].mean()),
        "validation": choice.validation,
        **choice.settings,
    }
    return row, ndcg


def summary(runs: pd.DataFrame, ndcg_SMU: np.ndarray) -> pd.DataFrame:
    """Mean of each method and, paired over seeds, its difference to naive with a 95 % interval.

    ``users_low`` and ``users_high`` hold the difference in NDCG over *users*, each averaged over seeds: seeds
    say how much luck there is in training, users how much in who was asked.
    """
    made = []
    for place, name in enumerate(METHODS):
        row: dict[str, Any] = {"method": name}
        for measure in MEASURES:
            wide = runs.pivot_table(index="seed", columns="method", values=measure)
            row[measure] = wide[name].mean()
            found = mean_over_seeds((wide[name] - wide["naive"]).to_numpy(), level=LEVEL)
            row |= {f"{measure}_low": found.low, f"{measure}_diff": found.mean, f"{measure}_high": found.high}
        difference_SU = ndcg_SMU[:, place] - ndcg_SMU[:, 0]
        # Some users have no high rating in any split, and so no NDCG.
        both = np.nanmean(difference_SU[:, ~np.isnan(difference_SU).all(axis=0)], axis=0)
        over_users = mean_over_seeds(both, level=LEVEL)
        row["users_low"], row["users_high"] = over_users.low, over_users.high
        differing = (both != 0).sum()
        row["users_better"] = float((both > 0).sum() / differing) if differing else float("nan")
        row["mean_predicted"] = runs.loc[runs["method"] == name, "mean_predicted"].mean()
        made.append(row)
    return pd.DataFrame(made)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = os.environ.get("HOLDFAST_SHARED_DATA", "../shared/data")
    parser.add_argument("--data", default=f"{shared}/coat", help="folder with train.ascii and test.ascii")
    parser.add_argument("--seeds", type=int, default=10, help="splits and initialisations, at least 2")
    parser.add_argument(
        "--thresholds", type=float, nargs="+", default=[3.0, 2.0], help="a rating above this is a high one"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where tables and figures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
