"""One seed's model, trained once; and one scenario at a time watched with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from habits import blind_rules, column_rules, daily_auc, performance_rule
from nightly import RememberingWatcher, Spoken, watched_nights
from scenarios import HORIZON_DAYS, Scenario, Study, changed
from worth import gains, log_ratio_error, seconds_if_looked_at, worth_by_day

from holdfast.app.cli import main
from holdfast.app.monitoring.memory_log import MemoryLog
from holdfast.app.monitoring.opening import Opened, open_reference
from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.windows import windows_of
from holdfast.app.run_folder import RunFolder
from holdfast.core.arrays import Bools
from holdfast.data.log import Log, local_midnight
from holdfast.simulation.reactions import examination
from holdfast.simulation.world import DefaultWorld, Simulation

Record = dict[str, Any]


def trained(study: Study, seed: int, folder: Path) -> Opened:
    """The bundle of a seed's run, which is trained unless it is there."""
    if not RunFolder(folder).is_done("export"):
        with redirect_stdout(StringIO()) as said:
            code = main(["run", *study.words(seed), f"run_dir={folder}"])
        if code != 0:
            raise RuntimeError(f"the run in {folder} ended with {code}:\n{said.getvalue()}")
    return open_reference(folder)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scenario's log, scored.

    Attributes:
        log: as it was made.
        rows: of the validation days and the watched ones, outcomes as they are known in the end.
        requests: of the watched days: ``user``, ``day``, and ``gained`` and ``possible`` seconds.
    """

    log: Log
    rows: ScoredRows
    requests: pd.DataFrame


class Ground:
    """A seed's model and its stable world, with which all of the seed's scenarios begin."""

    def __init__(self, study: Study, seed: int, folder: Path) -> None:
        self.study, self.seed = study, seed
        self.opened = trained(study, seed, folder)
        source = self.opened.plan.source
        assert isinstance(source, DefaultWorld)
        self.world = source
        self.first_day = self.opened.reference.last_day + 1

    @cached_property
    def stable(self) -> Scene:
        """The world without a change."""
        return self.scene(self.world)

    def scene(self, world: DefaultWorld) -> Scene:
        """A world's log as the model sees it, and what its order is worth."""
        made = world.simulate()
        opened, study = self.opened, self.study
        day = made.log.local_days() - self.first_day
        scored = (day >= -study.validation_days) & (day < study.watched_days)
        inputs = list(opened.watcher.inputs)
        read = MemoryLog(made.log, history=opened.plan.history, inputs=inputs).read(
            self.first_day - study.validation_days, self.first_day + study.watched_days
        )
        # The model's own watcher: rows of a whole log are never asked for again.
        rows = opened.watcher.score(replace(made.log, frame=read.frame))
        return Scene(log=made.log, rows=rows, requests=self._requests(made, scored, rows))

    def _requests(self, made: Simulation, scored: Bools, rows: ScoredRows) -> pd.DataFrame:
        look = examination(self.world.slots, decay=self.world.examination_decay)
        frame = made.log.frame[scored]
        by_slot = np.lexsort((frame["slot"], frame["request_id"]))
        seconds = seconds_if_looked_at(frame, made.truth.impressions[scored], look=look)[by_slot]
        # The last output of a bundle is the fused score, by which it ranks.
        ranked_by = self.opened.watcher.scorer.scorer.outputs[-1]
        score = rows.predictions[ranked_by].to_numpy()[by_slot]
        gained, possible = gains(seconds.reshape(-1, look.size), score.reshape(-1, look.size), look=look)
        first = by_slot[:: look.size]
        columns = {"user": frame["user_id"].to_numpy()[first], "day": rows.day[first] - self.first_day}
        requests = pd.DataFrame({**columns, "gained": gained, "possible": possible})
        return requests[requests["day"] >= 0]


def measure(ground: Ground, scenario: Scenario) -> Record:
    """All that was told of a scenario, night by night, and what the ranking was worth.

    Args:
        ground: of the seed.
        scenario: what happens.
    """
    study = ground.study
    stable = scenario == Scenario()
    onset = 0 if stable else study.onset(ground.seed, scenario.schedule)
    if stable:
        scene = ground.stable
    else:
        world = changed(ground.world, scenario, start_day=study.reference_days + onset)
        scene = ground.scene(world)
        check_same_past(ground, scene, onset=onset)
    spoken = _monitored(ground, scene, onset=onset)
    spoken += _beside(ground, scene, onset=onset)
    told = [asdict(each) for each in spoken if onset <= each.told < study.watched_days]
    worth = worth_by_day(scene.requests, num_days=study.watched_days)
    since = [each.requests[each.requests["day"] >= onset] for each in (scene, ground.stable)]
    return {
        "onset": onset,
        "worth": {name: values.tolist() for name, values in vars(worth).items()},
        "log_error": log_ratio_error(*since),
        "spoken": told,
    }


def check_same_past(ground: Ground, scene: Scene, *, onset: int) -> None:
    """Raise where a scenario's log differs from the stable one before its onset."""
    moment = local_midnight(ground.first_day + onset, scene.log.card.time_zone)
    one, other = (each.log.as_of(moment).frame.reset_index(drop=True) for each in (ground.stable, scene))
    if not one.equals(other):
        raise RuntimeError(f"worlds differ before {moment}, on which the change begins")


def _monitored(ground: Ground, scene: Scene, *, onset: int) -> list[Spoken]:
    """What the monitor tells from the onset on, of days whose returns were still open then as well."""
    study, first = ground.study, ground.first_day
    zone = ground.opened.card.time_zone
    begin = first + max(onset - HORIZON_DAYS, 0)
    return watched_nights(
        ground.opened,
        scene.rows,
        windows_of(begin, first + study.watched_days, num_days=1, zone=zone),
        settings=MonitorSettings(harm_rows=study.harm_rows),
        first_day=first,
        watcher=RememberingWatcher(ground.opened.watcher),
    )


def _beside(ground: Ground, scene: Scene, *, onset: int) -> Iterator[Spoken]:
    """What the other rules tell from the onset on."""
    rows, first, study = scene.rows, ground.first_day, ground.study
    watched = rows.watched()
    columns = {day: watched[rows.day == first + day] for day in range(onset, study.watched_days)}
    yield from blind_rules(study.watched_days)
    yield from column_rules(ground.opened.reference.columns, columns)
    for head, delay in (("click", 0), ("retention", HORIZON_DAYS)):
        before = daily_auc(rows, head, range(first - study.validation_days, first))
        after = daily_auc(rows, head, range(first, first + study.watched_days))
        yield from performance_rule(before, after, head=head, delay_days=delay)
