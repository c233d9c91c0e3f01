"""How often p-values are small without any change: a grid of columns, windows and forms of the reference.

    python scripts/benchmark_monitoring_nulls.py --references 50 --windows 8

Each cell draws new references and windows of independent rows from one law. Printed are, for each detector
and kind of column, the largest realised shares of p-values at or below .05 and .01 among its cells, and all
cells that lie more than four standard errors above the level. Windows of one reference are not independent
of each other, so that errors are taken over references where that is more.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from holdfast.monitoring.binned_detectors import (  # noqa: E402
    ChiSquare,
    JensenShannon,
    PopulationStability,
)
from holdfast.monitoring.finding import Detector  # noqa: E402
from holdfast.monitoring.numeric_detectors import KolmogorovSmirnov, Wasserstein  # noqa: E402
from holdfast.monitoring.pair import ColumnPair, window_of  # noqa: E402
from holdfast.monitoring.reference import Form, summarise_column  # noqa: E402
from holdfast.monitoring.share_detectors import MissingRate  # noqa: E402

Draw = Callable[[np.random.Generator, int], pd.Series]

LEVELS = (0.05, 0.01)
MOST_ERRORS = 4.0
"""Standard errors above the level that one of several hundred cells may reach by chance."""
NUM_ROWS = (1, 2, 10, 50, 200, 1000)
OF_NUMBERS: tuple[Detector, ...] = (
    KolmogorovSmirnov(),
    Wasserstein(),
    PopulationStability(),
    JensenShannon(),
    MissingRate(),
)
OF_CATEGORIES: tuple[Detector, ...] = (ChiSquare(), PopulationStability(), JensenShannon())


def skewed(draws: np.random.Generator, number: int) -> pd.Series:
    return pd.Series(draws.lognormal(0, 1.5, number))


def zero_inflated(draws: np.random.Generator, number: int) -> pd.Series:
    return pd.Series(draws.lognormal(0, 1, number) * (draws.random(number) < 0.1))


def rare(draws: np.random.Generator, number: int) -> pd.Series:
    return pd.Series((draws.random(number) < 0.001).astype(float))


def tied_with_holes(draws: np.random.Generator, number: int) -> pd.Series:
    return pd.Series(np.where(draws.random(number) < 0.1, np.nan, draws.poisson(1.0, number)))


def zipf(num_categories: int) -> Draw:
    """Categories of which each is as frequent as one over its place."""
    share = 1 / np.arange(1, num_categories + 1)
    names = np.array([f"category {number}" for number in range(num_categories)], dtype=object)

    def draw(draws: np.random.Generator, number: int) -> pd.Series:
        return pd.Series(names[draws.choice(num_categories, number, p=share / share.sum())], dtype=object)

    return draw


def cells() -> Iterator[tuple[str, Draw, tuple[Detector, ...], int]]:
    """Name of a column, its law, its detectors, and rows of the reference."""
    for draw in (skewed, zero_inflated, rare, tied_with_holes):
        yield draw.__name__, draw, OF_NUMBERS, 2000
    for number in (100, 1000, 5000):
        yield f"{number} categories", zipf(number), OF_CATEGORIES, 5000


def p_values(
    draw: Draw,
    detectors: tuple[Detector, ...],
    *,
    sizes: tuple[int, int],
    form: Form,
    repeats: tuple[int, int],
) -> dict[str, NDArray[np.float64]]:
    """Of each detector, ``[references, windows]``; 1 where there was nothing to compare."""
    draws = np.random.default_rng([*sizes, form == "exact"])
    found = {detector.name: np.ones(repeats) for detector in detectors}
    for row in range(repeats[0]):
        reference = summarise_column(draw(draws, sizes[0]), is_categorical=False, form=form)
        for place in range(repeats[1]):
            current = window_of(draw(draws, sizes[1]), reference)
            pair = ColumnPair(name="x", reference=reference, current=current)
            for detector in detectors:
                p_value = detector.test(pair).p_value
                if p_value is not None:
                    found[detector.name][row, place] = p_value
    return found


def errors_above(p: NDArray[np.float64], level: float) -> float:
    """How many standard errors the realised share is above ``level``."""
    small = p <= level
    by_reference = float(small.mean(axis=1).std(ddof=1)) / np.sqrt(len(p))
    return float((small.mean() - level) / max(by_reference, float(np.sqrt(level * (1 - level) / p.size))))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--references", type=int, default=50, help="of each cell; 2 or more")
    parser.add_argument("--windows", type=int, default=8, help="of each reference")
    given = parser.parse_args()
    if given.references < 2 or given.windows < 1:
        parser.error("a cell needs two references and a window of each, or more")
    start, num_cells, num_above = time.process_time(), 0, 0
    for name, draw, detectors, num_reference in cells():
        most = {detector.name: [0.0, 0.0] for detector in detectors}
        for num_rows in NUM_ROWS:
            for form in ("exact", "sketch"):
                found = p_values(
                    draw,
                    detectors,
                    sizes=(num_reference, num_rows),
                    form=form,
                    repeats=(given.references, given.windows),
                )
                for kind, p in found.items():
                    for place, level in enumerate(LEVELS):
                        num_cells += 1
                        most[kind][place] = max(most[kind][place], float((p <= level).mean()))
                        if errors_above(p, level) > MOST_ERRORS:
                            num_above += 1
                            share = float((p <= level).mean())
                            print(f"ABOVE {name}, {num_rows} rows, {form}, {kind}: {share:.4f} at {level}")
        for kind, (five, one) in most.items():
            print(f"{name:16s} {kind:22s} at most {five:.4f} at .05, {one:.4f} at .01", flush=True)
    print(f"{num_above} of {num_cells} shares above; {time.process_time() - start:.0f} CPU s")
    return 1 if num_above else 0


if __name__ == "__main__":
    sys.exit(main())
