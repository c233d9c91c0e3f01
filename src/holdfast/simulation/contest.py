"""Several policies in one world, from the same morning and with the same luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from holdfast.simulation.closed_loop import ClosedLoop, Morning, Retrain, Schedule
from holdfast.simulation.long_term_value import LongTermValue
from holdfast.simulation.policy import Policy
from holdfast.simulation.publishing import Publication


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Who serves.

    Attributes:
        policy: on the first day.
        retrain: makes the next one; None for a policy that stays as it is.
    """

    policy: Policy
    retrain: Retrain | None = None


def contest(
    publication: Publication,
    morning: Morning,
    contenders: Mapping[str, Contender],
    *,
    schedule: Schedule,
    value: LongTermValue | None = None,
    oracle: str | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Let each contender serve the same days of the same world.

    Nobody sees what another has logged. Users, candidates and chance are common to all, so a difference of
    two contenders is less noisy than either; intervals come from several seeds of the world.

    Args:
        publication: how the world writes its log.
        morning: where all start.
        contenders: by name.
        schedule: of serving and, for those with ``retrain``, of training.
        value: what days are worth; a click 1 and all else nothing if None.
        oracle: name of the contender that regret is measured to; none if None.
        threads: that a world may use.

    Returns:
        A row a contender and day: ``contender``, the columns of ``DayFigures``, ``value`` of the day and
        ``value_so_far``, both for each user who had arrived, and with an oracle ``regret``, also so far.

    Raises:
        ValueError: no contenders, an oracle that is none of them, or a policy that broke its contract.
    """
    if not contenders or (oracle is not None and oracle not in contenders):
        raise ValueError(f"the contenders are {sorted(contenders)} and the oracle is {oracle!r}")
    worth = LongTermValue() if value is None else value
    still = replace(schedule, every_days=0)
    tables: dict[str, pd.DataFrame] = {}
    for name, contender in contenders.items():
        loop = ClosedLoop(
            publication,
            morning,
            contender.policy,
            schedule=still if contender.retrain is None else schedule,
            retrain=contender.retrain,
            threads=threads,
        )
        tables[name] = loop.finish()
    for name, table in tables.items():
        table.insert(0, "contender", name)
        table["value"] = worth.daily(table)
        table["value_so_far"] = table["value"].cumsum()
        if oracle is not None:
            table["regret"] = worth.regret(table, tables[oracle])
    return pd.concat(tables.values(), ignore_index=True)
