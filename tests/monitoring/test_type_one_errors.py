"""Without any change, p-values are small no more often than they say: small, skewed, tied and rare values.

Bounds are the nominal level and three standard errors of the simulation.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from holdfast.monitoring.binned_detectors import ChiSquare, JensenShannon, PopulationStability
from holdfast.monitoring.counts import pooled_chi_square
from holdfast.monitoring.frame_detectors import ClassifierTwoSample, MaximumMeanDiscrepancy
from holdfast.monitoring.numeric_detectors import KolmogorovSmirnov, Wasserstein
from holdfast.monitoring.pair import ColumnPair, window_of
from holdfast.monitoring.reference import Reference, summarise_column
from holdfast.monitoring.share_detectors import MissingRate

REFERENCES, WINDOWS = 8, 25
LETTERS = np.array(list("abcdefghijkl"), dtype=object)


def _zero_inflated(draws, number):
    return draws.lognormal(0, 1, number) * (draws.random(number) < 0.1)


def _zipf(draws, number):
    share = 1 / np.arange(1, 1001)
    return draws.choice(1000, number, p=share / share.sum()).astype(str).astype(object)


NUMBERS = {
    "lognormal": lambda draws, number: draws.lognormal(0, 1.5, number),
    "zero-inflated": _zero_inflated,
    "rare": lambda draws, number: (draws.random(number) < 0.001).astype(float),
    "holes": lambda draws, number: np.where(draws.random(number) < 0.1, np.nan, draws.poisson(1.0, number)),
}
OF_NUMBERS = (KolmogorovSmirnov(), Wasserstein(), PopulationStability(), JensenShannon(), MissingRate())
OF_CATEGORIES = (ChiSquare(), PopulationStability(), JensenShannon())


def _too_often(p_values, level):
    return np.mean(np.array(p_values) <= level) > level + 3 * np.sqrt(level * (1 - level) / len(p_values))


def _p_values(make, detectors, *, num_reference, num_current, form):
    draws = np.random.default_rng(num_current)
    found = {detector.name: [] for detector in detectors}
    for _ in range(REFERENCES):
        column = pd.Series(make(draws, num_reference))
        reference = summarise_column(column, is_categorical=False, form=form)
        for _ in range(WINDOWS):
            current = window_of(pd.Series(make(draws, num_current)), reference)
            pair = ColumnPair(name="x", reference=reference, current=current)
            for detector in detectors:
                p_value = detector.test(pair).p_value
                found[detector.name].append(1.0 if p_value is None else p_value)
    return found


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(("rows", "form"), [(2, "sketch"), (50, "exact")])
def test_numbers(name, rows, form):
    found = _p_values(NUMBERS[name], OF_NUMBERS, num_reference=2000, num_current=rows, form=form)
    assert not [kind for kind, p in found.items() if _too_often(p, 0.05) or _too_often(p, 0.01)]


@pytest.mark.parametrize(("rows", "form"), [(50, "exact"), (500, "sketch")])
def test_categories(rows, form):
    found = _p_values(_zipf, OF_CATEGORIES, num_reference=5000, num_current=rows, form=form)
    assert not [kind for kind, p in found.items() if _too_often(p, 0.05) or _too_often(p, 0.01)]


@pytest.mark.parametrize("detector", [ClassifierTwoSample(), MaximumMeanDiscrepancy(num_permutations=99)])
def test_all_columns_at_once(detector):
    draws = np.random.default_rng(0)

    def rows(number):
        return pd.DataFrame(
            {
                "x": draws.poisson(1.0, number),
                "y": _zero_inflated(draws, number),
                "z": draws.choice(LETTERS, number),
            }
        )

    # A reference of its own for every window: 200 independent replays.
    p_values = [detector.test(Reference.from_frame(rows(60)), rows(60)).p_value for _ in range(200)]
    assert not _too_often(p_values, 0.05)
    assert not _too_often(p_values, 0.01)
    assert np.mean(p_values) > 0.4


def test_small_cells_have_the_moments_of_their_margins():
    """Against draws with fixed margins: Pearson's chi-square law is too narrow for 50 rows beside 2,000."""
    draws = np.random.default_rng(0)
    cells = np.array([600, 500, 400, 300, 150, 100, 100])
    now = draws.multivariate_hypergeometric(cells, 110, size=3000)
    tests = [pooled_chi_square(cells - each, each) for each in now]
    p_values = np.array([test.p_value for test in tests])
    for level in (0.05, 0.01):
        assert not _too_often(p_values, level)
        assert np.mean(p_values <= level) > 0.6 * level
    large = pooled_chi_square(cells * 50, cells * 50 + np.arange(7))
    table = np.stack([cells * 50, cells * 50 + np.arange(7)])
    assert large.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-12)
