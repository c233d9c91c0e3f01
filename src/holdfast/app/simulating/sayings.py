"""What the stage simulate says in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.simulating.scene import Scene
from holdfast.app.simulating.tables import SimulationTables

COLUMNS = {
    "value_so_far": ("value", 2, 1.0),
    "regret": ("regret", 2, 1.0),
    "clicks_per_user": ("clicks", 2, 1.0),
    "visits_per_user": ("visits", 2, 1.0),
    "click_rate": ("clicked %", 1, 100.0),
    "back_from_yesterday": ("back %", 1, 100.0),
    "satisfaction": ("satisfied", 3, 1.0),
    "coverage": ("shown %", 1, 100.0),
    "user_concentration": ("one topic %", 1, 100.0),
}
"""Heading, decimals and scale of the columns of the short table."""


def before(plan: Plan, scene: Scene) -> Iterator[str]:
    """Who serves what, and when."""
    settings = plan.simulation
    first, last = scene.first_day, scene.first_day + settings.num_days - 1
    start = pd.Timestamp(scene.world.start)
    dates = " to ".join(f"{start + pd.Timedelta(days=day):%d %b %Y}" for day in (first, last))
    seeds = ", ".join(map(str, scene.seeds))
    yield (
        f"days {first} to {last} of the world ({dates}), {_plural(len(plan.contenders), 'contender')} in "
        f"{_plural(len(scene.seeds), 'world')} (seed {seeds})"
    )
    if any(each.retrain for each in plan.contenders.values()) and settings.retrain_every_days:
        window = f"the last {settings.window_days} days" if settings.window_days else "all days"
        yield f"retraining every {settings.retrain_every_days} days on {window}, {settings.start} start"


def thrown_away(seed: int, name: str, why: str) -> str:
    """That what a contender had served before is gone, and why."""
    return f"seed {seed}, {name}: what it served before is thrown away, because {why}"


def left_alone(names: list[str]) -> str:
    """That contenders who do not take part keep what they have."""
    return (
        f"what {', '.join(names)} served before stays in the folder, and is no part of the tables; "
        "take it in again with resume=true and policy=[...]"
    )


def contender_done(seed: int, name: str, days: pd.DataFrame) -> str:
    """One contender in one world, in a line."""
    clicks, users = int(days["clicks"].sum()), int(days["arrived_users"].iloc[-1])
    rate = clicks / max(int(days["impressions"].sum()), 1)
    return (
        f"seed {seed}, {name}: {clicks:,} clicks ({rate:.1%} of what was shown), "
        f"{int(days['active_users'].sum()):,} visits of {users:,} users"
    )


def after(tables: SimulationTables, scene: Scene, *, level: float) -> Iterator[str]:
    """The short table, and what the differences allow to be said."""
    wide = tables.summary.pivot_table(index="contender", columns="quantity", values="mean")
    names = list(dict.fromkeys(tables.summary["contender"]))
    shown = {name: words for name, words in COLUMNS.items() if name in wide}
    width = max(len(name) for name in names)
    yield " ".join([" " * width, *(f"{heading:>{_wide(heading)}}" for heading, _, _ in shown.values())])
    for name in names:
        cells = [
            f"{wide.loc[name, column] * scale:>{_wide(heading)}.{digits}f}"
            for column, (heading, digits, scale) in shown.items()
        ]
        yield " ".join([f"{name:<{width}}", *cells])
    yield "value, regret, clicks and visits: for each user who had arrived, over all days served"
    yield from _differences(tables.differences, scene, level=level)


def _differences(differences: pd.DataFrame, scene: Scene, *, level: float) -> Iterator[str]:
    rows = differences[differences["quantity"] == "value_so_far"]
    if rows.empty:
        return
    if len(scene.seeds) == 1:
        yield "one world: differences have no interval; simulation.seeds=[0,1,2,3,4] gives one"
        return
    for row in rows.to_dict("records"):
        yield (
            f"value, {row['contender']} minus {row['reference']}: {row['mean']:+.2f} "
            f"[{row['low']:+.2f}, {row['high']:+.2f}], {level:.0%} over {int(row['num_seeds'])} worlds"
        )


def _wide(heading: str) -> int:
    return max(len(heading), 8)


def _plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
