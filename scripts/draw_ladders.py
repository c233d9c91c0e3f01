"""Draw every ladder of drift, and print what it did: docs/images/drift_ladders.png.

    python scripts/draw_ladders.py                    # a minute or two
    python scripts/draw_ladders.py --to ladders.png --seeds 5

A panel an injector, on the test rows of the default world. Blue, on the left: how well clean and drifted rows
are told apart by what a model reads (drift.strength.domain_auc), one half where features do not change.
Orange, on the right: the injector's own measure, which its ``strength_of`` explains. A thin line a seed.

True drift of a world is drawn on a smaller world that runs again at each severity. Orange there: by how much
the chance of a click given the features changed, on the world's truth; green: the same of a return within
three days, as it came. Both by tenths of a score that was fitted before the change. The rows of two
worlds are told apart by numbers to a tenth of a standard deviation.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from holdfast.app.schema import TARGET, component_class
from holdfast.core.shipped import shipped_folder
from holdfast.data.encoder import EncodedInputs, Encoder, EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.preparation import PreparedWindow, prepare_window, prepare_windows
from holdfast.data.splits import TemporalSplit
from holdfast.drift.additive_classifier import AdditiveClassifier
from holdfast.drift.injector import KINDS, SEVERITIES, Injector
from holdfast.drift.rows import DriftRows, drift_rows
from holdfast.drift.strength import domain_auc, mean_change, outcome_change
from holdfast.drift.world_drift import WorldDrift
from holdfast.simulation.changes.collection import changes_as_written
from holdfast.simulation.world import DefaultWorld

BLUE, ORANGE, GREEN = "#1f5fa8", "#c8641b", "#2e7d4f"
COLUMNS = 6
SPLIT = TemporalSplit()
HISTORY = TrailingHistory(refresh="nightly")
OBJECTIVES = ("click", "dwell", "retention")
HORIZON_DAYS = 7
RETURN_DAYS = 3
SMALL_WORLD = DefaultWorld(num_users=800, num_items=300, changes=changes_as_written())

Floats = NDArray[np.float64]


def ladders() -> tuple[dict[str, Injector], dict[str, WorldDrift]]:
    """Injectors and changes of worlds that ship, by kind and name; not what needs another one inside."""
    found = {}
    for path in sorted((shipped_folder("configs") / "drift").glob("*.yaml")):
        values = yaml.safe_load(path.read_text())
        if "defaults" not in values:
            found[path.stem] = component_class(values.pop(TARGET))(**values)
    in_order = sorted(found.items(), key=lambda each: KINDS.index(each[1].kind))
    return (
        {name: drift for name, drift in in_order if isinstance(drift, Injector)},
        {name: drift for name, drift in in_order if isinstance(drift, WorldDrift)},
    )


def clean_rows() -> tuple[DriftRows, Encoder]:
    """The test rows of the default world, and the encoder fitted on its train window."""
    log = DefaultWorld().read()
    made = prepare_windows(
        log,
        split=SPLIT,
        history=HISTORY,
        encoder=EncoderSettings(),
        objectives=OBJECTIVES,
        horizon_days=HORIZON_DAYS,
    )
    until = made.bounds["test"].as_of
    features = made.encoder.features
    return drift_rows(made.rows["test"], features=features, card=log.card, observed_until=until), made.encoder


def ladder(injector: Injector, clean: DriftRows, encoder: Encoder, *, seed: int) -> Floats:
    """Area and own measure at every severity, ``[6, 2]``."""
    before = encoder.transform(clean.rows)
    points = []
    for severity in SEVERITIES:
        drifted = injector.inject(clean, severity=severity, seed=seed)
        after = encoder.transform(drifted.rows.rows)
        area = domain_auc(before, after, source=drifted.rows.source, seed=seed)
        points.append((area, injector.strength_of(clean, drifted)))
    return np.asarray(points)


@dataclass(frozen=True)
class JudgedWindow:
    """Rows of a window with what is true of them: chances of a click, and returns as they came."""

    inputs: EncodedInputs
    click: Floats
    back: Floats


class TrueDrift:
    """A small world, run again with a change from the first day of its test window on."""

    def __init__(self) -> None:
        simulated = SMALL_WORLD.simulate()
        made = prepare_windows(
            simulated.log,
            split=SPLIT,
            history=HISTORY,
            encoder=EncoderSettings(),
            objectives=OBJECTIVES,
            horizon_days=HORIZON_DAYS,
        )
        self.encoder, self.bounds = made.encoder, made.bounds["test"]
        self.start_day = SMALL_WORLD.num_days - SPLIT.maturity_days - SPLIT.test_days
        train = made.rows["train"]
        inputs = self.encoder.transform(train)
        seen = numbers(inputs)
        clicks = train["click"].to_numpy(dtype=bool)
        returned = returns(train)
        known = np.isfinite(returned)
        self.click_score = AdditiveClassifier.fit(seen, clicks)
        self.return_score = AdditiveClassifier.fit(seen[known], returned[known] > 0.0)

    def window(self, drift: WorldDrift, *, severity: int) -> JudgedWindow:
        """The test window of the world with the change."""
        changes = drift.changes(SMALL_WORLD.changes, severity=severity, start_day=self.start_day)
        simulated = replace(SMALL_WORLD, changes=changes).simulate()
        made: PreparedWindow = prepare_window(
            simulated.log,
            self.bounds,
            history=HISTORY,
            encoder=self.encoder,
            objectives=OBJECTIVES,
            horizon_days=HORIZON_DAYS,
        )
        truth = simulated.log.frame[["request_id", "slot"]].assign(
            chance=simulated.truth.impressions["click_probability"].to_numpy()
        )
        rows = made.rows[["request_id", "slot"]].merge(truth, on=["request_id", "slot"], how="left")
        return JudgedWindow(
            self.encoder.transform(made.rows), rows["chance"].to_numpy(dtype=np.float64), returns(made.rows)
        )

    def ladder(self, drift: WorldDrift) -> Floats:
        """Area, change of the chance of a click and of a return at every severity, ``[6, 3]``."""
        clean = self.window(drift, severity=0)
        seen = numbers(clean.inputs)
        points = []
        for severity in SEVERITIES:
            after = self.window(drift, severity=severity)
            # Rows of two worlds do not come from each other: any pairing of them makes folds.
            source = np.arange(len(after.click)) % len(clean.click)
            area = domain_auc(coarse(clean.inputs), coarse(after.inputs), source=source)
            seen_after = numbers(after.inputs)
            moved = [
                mean_change(
                    outcome_change(
                        score.scores(seen), before, new_score=score.scores(seen_after), new_outcome=now
                    )
                )
                for score, before, now in (
                    (self.click_score, clean.click, after.click),
                    (self.return_score, clean.back, after.back),
                )
            ]
            points.append((area, *(np.nan if each is None else each for each in moved)))
        return np.asarray(points)


def numbers(inputs: EncodedInputs) -> Floats:
    """What a model reads of one row, without lists, ``[N, D]``."""
    return np.concatenate([inputs.categorical, inputs.numeric], axis=1).astype(np.float64)


def coarse(inputs: EncodedInputs) -> EncodedInputs:
    """Numbers to a tenth of a standard deviation.

    A click rate is smoothed towards everybody's of the night before, which all users without a past share. In
    two worlds it differs in its fourth digit, and would give each such row away, though nothing much changed.
    """
    return replace(inputs, numeric=np.round(inputs.numeric, 1))


def returns(rows: pd.DataFrame) -> Floats:
    """1 if the user was back within three days, 0 if not, NaN on the days too late to say, ``[N]``."""
    after = (rows["next_visit_at"] - rows["shown_at"]) / pd.Timedelta(days=1)
    known = rows["shown_at"] <= rows["shown_at"].max() - pd.Timedelta(days=RETURN_DAYS)
    return np.where(known, (after <= RETURN_DAYS).to_numpy(dtype=np.float64), np.nan)


def draw(axis: Axes, title: str, lines: list[Floats], colours: list[str]) -> None:
    """One panel: the first column of each ``[6, C]`` on the left, the others on the right."""
    right = axis.twinx()
    for points in lines:
        axis.plot(SEVERITIES, points[:, 0], color=BLUE, marker="o", markersize=2.8, linewidth=1.0)
        for place, colour in enumerate(colours, start=1):
            right.plot(SEVERITIES, points[:, place], color=colour, marker="s", markersize=2.2, linewidth=1.0)
    axis.set_ylim(0.45, 1.03)
    most = max(float(np.nanmax(points[:, 1:])) for points in lines)
    right.set_ylim(-0.086 * most, 1.05 * most)
    right.set_yticks([0.0, most], ["0", f"{most:.2g}"])
    axis.set_yticks([0.5, 0.75, 1.0], ["½", "¾", "1"])
    axis.set_xticks(SEVERITIES)
    axis.grid(visible=True, axis="y", linewidth=0.4, color="#dddddd")
    axis.tick_params(labelsize=8, colors=BLUE, axis="y")
    axis.tick_params(labelsize=8, axis="x")
    right.tick_params(labelsize=8, colors=colours[0])
    for side in (axis, right):
        side.spines["top"].set_visible(False)
    name, about = title.split("\n")
    axis.set_title(name, fontsize=8.5, fontweight="bold", loc="left", pad=14)
    axis.text(0.0, 1.045, about, fontsize=7.5, color="#555555", transform=axis.transAxes)


def explain(axis: Axes) -> None:
    """What the colours say, in a panel that is left over."""
    axis.axis("off")
    words = {
        BLUE: "AUC of clean against drifted rows",
        ORANGE: "own measure; of a world: change of\np(click | features), on its truth",
        GREEN: "of a world: change of\np(return | features)",
    }
    lines = [Line2D([], [], color=colour, marker="o", markersize=4) for colour in words]
    axis.legend(lines, list(words.values()), loc="center left", fontsize=8, frameon=False, labelspacing=1.1)


def tell(name: str, lines: list[Floats], names: list[str]) -> None:
    """The means over seeds, as a line of a table."""
    mean = np.mean(lines, axis=0)
    for place, what in enumerate(names):
        print(f"{name:26} {what:9}", *(f"{each:7.3f}" for each in mean[:, place]), flush=True)


def main() -> None:
    """Draw and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("docs/images/drift_ladders.png"))
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    chosen = parser.parse_args()
    clean, encoder = clean_rows()
    injectors, worlds = ladders()
    rows_of_injectors, rows_of_worlds = -(-len(injectors) // COLUMNS), -(-(len(worlds) + 1) // COLUMNS)
    num_rows = rows_of_injectors + rows_of_worlds
    figure, axes = plt.subplots(num_rows, COLUMNS, figsize=(2.3 * COLUMNS, 1.95 * num_rows))
    panels, panels_of_worlds = list(axes[:rows_of_injectors].flat), list(axes[rows_of_injectors:].flat)
    print(f"{'severity':36}", *(f"{each:7}" for each in SEVERITIES))
    for name, injector in injectors.items():
        seeds = range(chosen.seeds if injector.seeded else 1)
        lines = [ladder(injector, clean, encoder, seed=seed) for seed in seeds]
        about = f"{injector.kind}, {injector.family.replace('_', ' ')}"
        draw(panels.pop(0), f"{name}\n{about}", lines, [ORANGE])
        tell(name, lines, ["AUC", "own"])
    true_drift = TrueDrift()
    for name, drift in worlds.items():
        lines = [true_drift.ladder(drift)]
        about = f"true {drift.kind}, {drift.family.replace('_', ' ')}"
        draw(panels_of_worlds.pop(0), f"{name}\n{about}", lines, [ORANGE, GREEN])
        tell(name, lines, ["AUC", "click", "return"])
    explain(panels_of_worlds.pop(0))
    for axis in (*panels, *panels_of_worlds):
        axis.set_visible(False)
    figure.supxlabel("severity", fontsize=10)
    figure.tight_layout()
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(chosen.to, dpi=100)
    print(f"wrote {chosen.to}")


if __name__ == "__main__":
    main()
