"""Draw every injector's ladder on the test rows of the default world: docs/images/drift_ladders.png.

    python scripts/draw_ladders.py                    # half a minute
    python scripts/draw_ladders.py --to ladders.png --seeds 5

A panel an injector. Blue, on the left: how well clean and drifted rows are told apart by what a model reads
(drift.strength.domain_auc), one half where features do not change. Orange, on the right: the injector's own
measure, which its ``strength_of`` explains. A thin line a seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import yaml
from matplotlib.axes import Axes

from holdfast.app.schema import TARGET, component_class
from holdfast.core.shipped import shipped_folder
from holdfast.data.encoder import Encoder, EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.preparation import prepare_windows
from holdfast.data.splits import TemporalSplit
from holdfast.drift.injector import KINDS, SEVERITIES, Injector
from holdfast.drift.rows import DriftRows, drift_rows
from holdfast.drift.strength import domain_auc
from holdfast.simulation.world import DefaultWorld

BLUE, ORANGE = "#1f5fa8", "#c8641b"
COLUMNS = 6


def injectors() -> dict[str, Injector]:
    """Those that ship, by kind and name."""
    found: dict[str, Injector] = {}
    for path in sorted((shipped_folder("configs") / "drift").glob("*.yaml")):
        values = yaml.safe_load(path.read_text())
        component = component_class(values.pop(TARGET))
        if hasattr(component, "inject"):
            found[path.stem] = component(**values)
    return dict(sorted(found.items(), key=lambda each: KINDS.index(each[1].kind)))


def clean_rows() -> tuple[DriftRows, Encoder]:
    """The test rows of the default world, and the encoder fitted on its train window."""
    log = DefaultWorld().read()
    made = prepare_windows(
        log,
        split=TemporalSplit(),
        history=TrailingHistory(refresh="nightly"),
        encoder=EncoderSettings(),
        objectives=("click", "dwell", "retention"),
        horizon_days=7,
    )
    until = made.bounds["test"].as_of
    features = made.encoder.features
    return drift_rows(made.rows["test"], features=features, card=log.card, observed_until=until), made.encoder


def ladder(injector: Injector, clean: DriftRows, encoder: Encoder, *, seed: int) -> np.ndarray:
    """Area and own measure at every severity, ``[6, 2]``."""
    before = encoder.transform(clean.rows)
    points = []
    for severity in SEVERITIES:
        drifted = injector.inject(clean, severity=severity, seed=seed)
        after = encoder.transform(drifted.rows.rows)
        area = domain_auc(before, after, source=drifted.rows.source, seed=seed)
        points.append((area, injector.strength_of(clean, drifted)))
    return np.asarray(points)


def draw(axis: Axes, name: str, injector: Injector, ladders: list[np.ndarray]) -> None:
    """One panel."""
    own = axis.twinx()
    for points in ladders:
        axis.plot(SEVERITIES, points[:, 0], color=BLUE, marker="o", markersize=2.5, linewidth=0.9)
        own.plot(SEVERITIES, points[:, 1], color=ORANGE, marker="s", markersize=2.0, linewidth=0.9)
    axis.set_ylim(0.45, 1.03)
    most = max(float(points[:, 1].max()) for points in ladders)
    own.set_ylim(-0.086 * most, 1.05 * most)
    own.set_yticks([0.0, most], ["0", f"{most:.2g}"])
    axis.set_yticks([0.5, 0.75, 1.0], ["0.5", "", "1"])
    axis.set_xticks(SEVERITIES)
    axis.tick_params(labelsize=7, colors=BLUE, axis="y")
    axis.tick_params(labelsize=7, axis="x")
    own.tick_params(labelsize=7, colors=ORANGE)
    for side in (axis, own):
        side.spines["top"].set_visible(False)
    axis.set_title(f"{name}\n{injector.kind}, {injector.family.replace('_', ' ')}", fontsize=7.5)


def main() -> None:
    """Draw and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("docs/images/drift_ladders.png"))
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    chosen = parser.parse_args()
    clean, encoder = clean_rows()
    found = injectors()
    num_rows = -(-len(found) // COLUMNS)
    figure, axes = plt.subplots(num_rows, COLUMNS, figsize=(2.15 * COLUMNS, 1.75 * num_rows))
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    for axis, (name, injector) in zip(axes.flat, found.items(), strict=False):
        seeds = range(chosen.seeds if injector.seeded else 1)
        draw(axis, name, injector, [ladder(injector, clean, encoder, seed=seed) for seed in seeds])
    figure.supxlabel("severity", fontsize=9)
    figure.suptitle(
        "Realised strength on the default world: AUC of clean against drifted rows (blue, left), "
        "own measure (orange, right)",
        fontsize=10,
    )
    figure.tight_layout()
    chosen.to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(chosen.to, dpi=110)
    print(f"wrote {chosen.to}")


if __name__ == "__main__":
    main()
