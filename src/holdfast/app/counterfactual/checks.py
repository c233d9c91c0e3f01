"""What can be refused before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.counterfactual.requests import LoggedRequests
from holdfast.app.run_folder import RunFolder
from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.data.card import DatasetCard
from holdfast.evaluation.off_policy.question import BEHAVIOR
from holdfast.serving.bundle import Bundle, load_bundle
from holdfast.simulation.world import DefaultWorld

OWN = "trained"
"""Name of the policy that is made of the run's own model."""


@dataclass(frozen=True)
class OtherRun:
    """Another run, whose bundle is an evaluation policy."""

    name: str
    folder: RunFolder
    bundle: Bundle


def check_counterfactual(plan: Plan, card: DatasetCard | None) -> None:
    """Refuse what the log or other runs cannot answer.

    Args:
        plan: of the run.
        card: of the prepared log; None where the run is not prepared yet.

    Raises:
        UserError: says what is wrong and what to do.
    """
    settings, source = plan.counterfactual, plan.source
    if settings.candidates == "column" and isinstance(source, DefaultWorld) and not source.log_candidates:
        raise UserError(
            "the stage counterfactual must know what each request could have shown, and this world does not "
            "log it; start a new run with data.log_candidates=true"
        )
    if card is not None:
        _check_card(card)
    other_runs(settings.others)


def _check_card(card: DatasetCard) -> None:
    if card.propensity_of is None:
        raise UserError(
            f"the log {card.name!r} has no propensities, so what another policy would have earned cannot be "
            "told from it. Log the chance with which each item was shown in its slot, or estimate "
            "propensities explicitly with holdfast.evaluation.off_policy.estimate_propensities"
        )
    if card.propensity_of != "item_in_slot":
        raise UserError(
            f"the propensities of the log {card.name!r} are those of the whole {card.propensity_of}, and the "
            "stage counterfactual asks slot by slot; log the chance of each item in its slot, or use "
            "holdfast.evaluation.off_policy.slates.evaluate_slates"
        )


def other_runs(places: list[str]) -> list[OtherRun]:
    """The other runs, each with a bundle whose every byte was checked.

    Raises:
        UserError: one is no run, or was not exported, or two have one name.
    """
    found: dict[str, OtherRun] = {}
    for place in places:
        folder = RunFolder(Path(place).expanduser())
        if not folder.is_run:
            raise UserError(f"counterfactual.others: {place} holds no run; name the folder of a saved run")
        if not folder.is_done("export"):
            raise UserError(
                f"counterfactual.others: the run in {place} was not exported; say "
                f"holdfast run run_dir={place} stages=[export]"
            )
        name = f"{folder.saved_config()['name']}-{folder.path.resolve().name}"
        if name in found or name in (OWN, BEHAVIOR):
            raise UserError(f"counterfactual.others: two policies would be called {name!r}; rename a folder")
        found[name] = OtherRun(name, folder, load_bundle(folder.bundle))
    return list(found.values())


def check_other(other: OtherRun, columns: list[str], *, test_start: pd.Timestamp) -> None:
    """Refuse a model that cannot read the rows, or that has seen the window.

    Raises:
        UserError: names the columns, or the moment until which it knows.
    """
    missing = [each["name"] for each in other.bundle.signature["rows"] if each["name"] not in columns]
    if missing:
        raise UserError(
            f"counterfactual.others: the run {other.name!r} was trained on columns that this run's rows do "
            f"not have: {', '.join(missing)}; compare runs of one log with the same history"
        )
    windows: Mapping[str, Any] = other.bundle.manifest["windows"]
    seen = [pd.Timestamp(windows[name]["as_of"]) for name in ("train", "validation") if name in windows]
    if seen and max(seen) > test_start:
        raise UserError(
            f"counterfactual.others: the run {other.name!r} was chosen by what was known until {max(seen)}, "
            f"and the test window begins at {test_start}: it has seen the answers. Compare runs with the "
            "same split"
        )


def propensities(requests: LoggedRequests, *, order_alone: bool) -> Floats:
    """The chance of what was shown, ``[N]``.

    Args:
        requests: of the window.
        order_alone: whether only the order of what was shown is asked about; the chance is then that of the
            slot among those of the request.

    Raises:
        UserError: a propensity is missing, or the order was not uniform.
    """
    logged = requests.rows["propensity"].to_numpy(dtype=np.float64, na_value=np.nan)
    missing = int(np.isnan(logged).sum())
    if missing:
        raise UserError(
            f"{missing} of {len(logged)} rows of the test window have no propensity; nothing can be guessed "
            "in its place: leave the requests without one out of the log, and say so"
        )
    if not order_alone:
        return logged
    size = np.bincount(requests.request)
    if not np.allclose(logged, logged[0], rtol=1e-6):
        raise UserError(
            "counterfactual.candidates=shown asks how what was shown should have been ordered, and the log "
            f"does not say how likely each order was: its propensities run from {logged.min():.3g} to "
            f"{logged.max():.3g}. Only uniform slates, with one propensity in all rows, tell; else log the "
            "candidates and say counterfactual.candidates=column"
        )
    if (size != requests.num_slots).any() or size.max() < 2:
        raise UserError(
            "counterfactual.candidates=shown needs whole slates of two items or more, and some requests of "
            "the test window lack slots; choose counterfactual.candidates=column or items_of_window"
        )
    return np.asarray(1.0 / size[requests.request])
