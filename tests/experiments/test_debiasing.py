"""The comparison on Coat: what is split how, what is measured, and that it runs."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import ndcg_score, roc_auc_score

from holdfast.core.errors import UserError
from holdfast.core.shipped import shipped_folder

STUDY = shipped_folder("experiments") / "debiasing"
NAMES = ("coat", "learning", "scores", "figure", "compare")
SHARED = Path(
    os.environ.get("HOLDFAST_SHARED_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data")
)


@pytest.fixture(scope="module")
def study():
    """The study's modules by name; they find each other as they do when the study is run."""
    sys.path.insert(0, str(STUDY))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(STUDY))
        for name in NAMES:
            sys.modules.pop(name, None)


def made_ratings(users: int = 40, items: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Users rate what they like; chance draws 8 coats a user."""
    rng = np.random.default_rng(0)
    liking = rng.normal(size=(users, 1)) + rng.normal(size=(1, items)) + 0.3 * rng.normal(size=(users, items))
    rating = np.clip(np.round(2.5 + liking), 1, 5)
    chosen = rng.random(rating.shape) < 0.1 + 0.1 * (rating - 1)
    by_chance = np.argsort(rng.random(rating.shape), axis=1) < 8
    return np.where(chosen, rating, 0.0), np.where(by_chance, rating, 0.0)


def made_split(study: dict[str, ModuleType]):
    return study["coat"].split(
        *made_ratings(), validation_share=0.1, random_share=0.1, rng=np.random.default_rng(0)
    )


def test_every_pair_is_on_one_side_and_the_random_sample_is_never_tested_on(study):
    data = made_split(study)
    parts = [data.fit, data.validation, data.at_random, data.test]
    assert (np.sum(parts, axis=0) <= 1).all()
    chosen, randomised = made_ratings()
    assert ((data.at_random | data.test) == (randomised > 0)).all()
    assert not ((data.fit | data.validation) & (randomised > 0)).any()
    assert data.at_random.sum() == round(0.1 * (randomised > 0).sum())
    assert (data.rating[data.fit] == chosen[data.fit]).all()


def test_propensities_do_not_look_at_the_test_ratings(study):
    data = made_split(study)
    before = study["learning"].propensity_of(data, data.fit).values
    data.rating[data.test] = 6 - data.rating[data.test]
    np.testing.assert_array_equal(before, study["learning"].propensity_of(data, data.fit).values)
    assert (~np.isnan(before)).reshape(data.fit.shape)[data.fit | data.validation].all()


def test_scores_are_those_of_scikit_learn(study):
    rng = np.random.default_rng(0)
    score, label = rng.random((20, 12)), rng.random((20, 12)) < 0.3
    label[0] = False
    where = np.ones_like(label)
    assert study["scores"].auc(score.ravel(), label.ravel()) == pytest.approx(
        roc_auc_score(label.ravel(), score.ravel())
    )
    found = study["scores"].ndcg_by_user(score, label, where, cutoff=5)
    assert np.isnan(found[0])
    assert np.nanmean(found) == pytest.approx(ndcg_score(label[1:].astype(int), score[1:], k=5))
    assert np.isnan(study["scores"].auc_by_user(score, label, where)[0])


def test_every_method_learns_and_the_summary_is_paired(study):
    torch.manual_seed(0)
    data = made_split(study)
    grid = study["learning"].Grid(
        decays=(1e-3,), learning_rates=(0.05,), caps=(10.0,), num_steps=40, patience=3
    )
    rows, users = [], []
    for seed in range(2):
        for name in study["learning"].METHODS:
            row, by_user = study["compare"].measured(name, data, threshold=3.0, grid=grid, seed=seed)
            assert row["auc"] > 0.65, f"{name} has learned nothing"
            rows.append({"seed": seed, "method": name, **row})
            users.append(by_user)
    table = study["compare"].summary(pd.DataFrame(rows), np.stack(users).reshape(2, 8, -1))
    naive = table.set_index("method").loc["naive"]
    assert naive["auc_diff"] == 0.0
    assert naive["users_low"] == 0.0
    assert len(table) == 8


def test_the_same_seed_gives_the_same_and_the_figure_is_drawn(study, tmp_path):
    data = made_split(study)
    grid = study["learning"].Grid(decays=(1e-3,), learning_rates=(0.05,), num_steps=10)
    first, second = (
        study["learning"].best_of_grid("StableDR", data, threshold=3.0, grid=grid, seed=1) for _ in range(2)
    )
    torch.testing.assert_close(first.predicted, second.predicted, rtol=0, atol=0)
    measures = study["compare"].MEASURES
    columns = {f"{measure}_{end}": [0.0, 0.1] for measure in measures for end in ("low", "diff", "high")}
    study["figure"].draw(
        pd.DataFrame({"method": ["naive", "IPS"], **columns}), tmp_path / "it.png", threshold=3.0
    )
    assert (tmp_path / "it.png").stat().st_size > 1000


def test_missing_and_odd_files_are_told(study, tmp_path):
    with pytest.raises(UserError, match=r"no .*train\.ascii; get the Coat Shopping data"):
        study["coat"].read_ratings(tmp_path)
    np.savetxt(tmp_path / "train.ascii", np.full((2, 2), 1))
    with pytest.raises(UserError, match=r"holds \(2, 2\), not \(290, 300\) ratings"):
        study["coat"].read_ratings(tmp_path)


@pytest.mark.skipif(not (SHARED / "coat").is_dir(), reason="the Coat data are not here")
def test_the_real_files_are_split_as_the_readme_says(study):
    data = study["coat"].split(
        *study["coat"].read_ratings(SHARED / "coat"),
        validation_share=0.1,
        random_share=0.05,
        rng=np.random.default_rng(0),
    )
    counts = [int(each.sum()) for each in (data.fit, data.validation, data.at_random, data.test)]
    assert counts == [5935, 659, 232, 4408]
