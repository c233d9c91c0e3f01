"""From a run or a bundle to the model and the reference that a log is watched with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from holdfast.app.composition import Plan
from holdfast.app.head_fitting import dwell_population
from holdfast.app.monitoring.scored_rows import Watcher
from holdfast.app.monitoring.watch_reference import WatchReference, load_watch_reference
from holdfast.app.run_folder import RunFolder
from holdfast.core.errors import UserError
from holdfast.data.card import DatasetCard, card_from_dict
from holdfast.serving.bundle import Bundle, load_bundle
from holdfast.serving.bundle_scorer import BundleScorer


@dataclass(frozen=True)
class Opened:
    """What a log is watched with.

    Attributes:
        bundle: whose every byte was checked.
        plan: of the run that made it.
        watcher: its model.
        reference: what it was like when it was trained.
        card: of the log that it was trained on.
    """

    bundle: Bundle
    plan: Plan
    watcher: Watcher
    reference: WatchReference
    card: DatasetCard


def open_reference(place: Path, *, plan: Plan | None = None) -> Opened:
    """Open a bundle, or the bundle of a run.

    Args:
        place: its folder.
        plan: of the run; None for what the bundle says of it.

    Raises:
        UserError: there is none, it is damaged, or it holds no reference.
    """
    if not place.is_dir():
        raise UserError(f"there is no folder {place}; name a run or a bundle with reference=...")
    folder = RunFolder(place)
    if folder.is_run and not folder.is_done("export"):
        raise UserError(
            f"the run in {place} has no bundle of its present model; `holdfast export {place}` writes one"
        )
    bundle = load_bundle(folder.bundle if folder.is_run else place)
    plan = plan_of(bundle) if plan is None else plan
    card = card_from_dict(bundle.manifest["data"]["card"], where=str(bundle.folder))
    reference = load_watch_reference(bundle.reference_folder)
    return Opened(bundle, plan, watcher_of(bundle, plan), reference, card)


def watcher_of(bundle: Bundle, plan: Plan) -> Watcher:
    """The model of a bundle, for a run's plan."""
    return Watcher(
        BundleScorer(bundle),
        horizon_days=plan.settings.horizon_days,
        dwell_population=dwell_population(plan.heads),
    )


def plan_of(bundle: Bundle) -> Plan:
    """What the run that made a bundle was asked for."""
    import yaml
    from omegaconf import OmegaConf

    from holdfast.app.composition import plan
    from holdfast.app.hydra_entry import compose
    from holdfast.app.runner import completed, resolved_or_missing

    saved = yaml.safe_load((bundle.folder / "config.yaml").read_text(encoding="utf-8"))
    return plan(OmegaConf.create(completed(saved, resolved_or_missing(compose([])))))
