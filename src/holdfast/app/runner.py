"""The one way in: locate the run, then walk its stages.

Evaluating after training and evaluating a saved run are the same code: a stage reads what the stages before
it left in the run's folder, and nothing else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from holdfast.app.calibration.after_training import check_after_training
from holdfast.app.composition import Plan, check_config, plan, resolved, run_settings, to_yaml
from holdfast.app.console import Console
from holdfast.app.manifest import manifest
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.ranks import assist, process_rank
from holdfast.app.run import Run
from holdfast.app.run_folder import (
    CHANGEABLE,
    RunFolder,
    Stopwatch,
    differing_keys,
    new_run_folder,
    newest_unfinished,
)
from holdfast.app.schema import TARGET
from holdfast.app.settings import STAGES, RunSettings
from holdfast.app.simulating.contenders import need_the_runs_model
from holdfast.app.stage_order import REPORTED, needs, resting_on
from holdfast.app.stages import STAGE_FUNCTIONS
from holdfast.app.stressing.suite import check_suite
from holdfast.core.errors import UserError
from holdfast.core.files import clear_unfinished, read_json, write_json
from holdfast.models.calibration.settings import CalibrationSettings


def run(config: DictConfig, *, overrides: Sequence[str] = (), console: Console | None = None) -> RunFolder:
    """Do what a composed configuration asks for.

    Args:
        config: as Hydra composed it.
        overrides: what the user typed; tells what is asked anew of a saved run.
        console: where to print; the terminal by default.

    Returns:
        The folder of the run.

    Raises:
        UserError: the configuration, the log or the saved run is at fault; nothing half-written is left.
    """
    check_config(config)
    if process_rank() > 0 and config.trainer.devices * config.trainer.num_nodes > 1:
        return _assist(run_settings(config))
    console = console or Console()
    folder, final = _locate(config, overrides, console)
    settings = run_settings(final)
    made = plan(final)
    folder.make()
    with folder.locked():
        clear_unfinished(folder.path)
        outdated = _made_otherwise(folder, resolved(final))
        _refuse(folder, made, outdated)
        for stage in outdated:
            folder.mark(stage, done=False, after=resting_on(stage))
        _save_config(folder, resolved(final))
        _record(folder, settings.seed)
        run_log = made.tracking.run_log()
        run_log.start(
            resolved(final),
            name=f"{settings.name}-{folder.path.name}-seed{settings.seed}",
            group=settings.name,
            job_type="run",
            tags=settings.tags,
            folder=folder.path,
        )
        failed = True
        try:
            _walk(Run(folder=folder, plan=made, console=console, run_log=run_log), settings)
            failed = False
        finally:
            run_log.finish(failed=failed)
    return folder


def _assist(settings: RunSettings) -> RunFolder:
    """What a process does that somebody started beside the first one."""
    if settings.run_dir is None:
        raise UserError("several processes must work in one folder: name it with run_dir=...")
    folder = RunFolder(Path(settings.run_dir))
    if "fit" in settings.stages:
        assist(folder, resume=settings.resume, prepared_anew="prepare" in settings.stages)
    return folder


def _walk(run: Run, settings: RunSettings) -> None:
    for stage in settings.ordered_stages():
        if settings.resume and run.folder.is_done(stage):
            run.console.say(stage, "done before; resuming after it")
            continue
        watch = Stopwatch()
        run.folder.mark(stage, done=False, after=resting_on(stage))
        STAGE_FUNCTIONS[stage](run, resume=settings.resume)
        run.folder.mark(stage, done=True, seconds=watch.seconds, after=resting_on(stage))


def _refuse(folder: RunFolder, plan: Plan, outdated: Sequence[str] = ()) -> None:
    """Refuse what cannot be done, before anything is undone or written over.

    Args:
        folder: of the run; it need not be there yet.
        plan: with the stages that are asked for.
        outdated: stages whose results are of other settings; as if they had not been done.
    """
    settings = plan.settings
    stages = settings.ordered_stages()
    gone = {*outdated, *(each for stage in outdated for each in resting_on(stage))}
    done = {stage for stage in STAGES if folder.is_done(stage)} - gone
    _check_needs(folder, plan, done)
    if "fit" in stages and plan.trainer.accelerator == "gpu" and not torch.cuda.is_available():
        raise UserError("trainer.accelerator is gpu, and PyTorch sees none here; choose trainer=default")
    if "simulate" in stages and not (settings.resume and "simulate" in done):
        from holdfast.app.simulating.scene import check_simulation

        check_simulation(plan, prepared="prepare" in {*stages, *done})
    if "calibrate" in stages and "prepare" in done and "prepare" not in stages:
        prepared_before = PreparedRun(folder.prepared)
        check_after_training(plan, prepared_before.encoder().schema, prepared_before.objectives)
    if "stress" in stages and not (settings.resume and "stress" in done):
        check_suite(plan.ladders, plan.stress)
    if "counterfactual" in stages and not (settings.resume and "counterfactual" in done):
        from holdfast.app.counterfactual.checks import check_counterfactual

        prepared = PreparedRun(folder.prepared) if "prepare" in done and "prepare" not in stages else None
        check_counterfactual(plan, None if prepared is None else prepared.card)


def _check_needs(folder: RunFolder, plan: Plan, done: set[str]) -> None:
    """Refuse stages of which one would lack what it needs."""
    resume = plan.settings.resume
    for stage in plan.settings.ordered_stages():
        if resume and stage in done:
            continue
        missing = [need for need in needs(stage, plan, done) if need not in done]
        if missing:
            why = f" (the run's own model is served by {_who_serves_it(plan)})" if stage == "simulate" else ""
            lacking = f"{folder.path} would lack then" if folder.is_run else "a new run lacks"
            raise UserError(
                f"the stage {stage!r} needs {' and '.join(missing)}, which {lacking}{why}; "
                f"say stages=[{','.join([*missing, stage])}] or "
                f"{'resume=true' if folder.is_run else 'name a saved run with run_dir=...'}"
            )
        done = (done - set(resting_on(stage))) | {stage}


def _locate(config: DictConfig, overrides: Sequence[str], console: Console) -> tuple[RunFolder, DictConfig]:
    """The folder to work in, and the configuration to work by."""
    settings = run_settings(config)
    if settings.run_dir is not None:
        folder = RunFolder(Path(settings.run_dir))
        if folder.is_run:
            return folder, _reconcile(folder, config, overrides)
        if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
            raise UserError(
                f"{folder.path} exists and holds no run; choose an empty or new folder with run_dir=..."
            )
        if settings.resume or not set(REPORTED) & set(settings.stages):
            raise UserError(f"{folder.path} holds no run to go on with; start one without resume and stages")
        return folder, config
    if settings.resume:
        found = newest_unfinished(Path(settings.runs_dir), settings.name, resolved(config))
        if found is not None:
            console.say("resume", str(found.path))
            return found, config
        console.say("resume", f"no unfinished run of this configuration in {settings.runs_dir}; a new one")
    if not set(REPORTED) & set(settings.stages):
        raise UserError(
            f"stages are {settings.stages}, without 'prepare' and without a saved run; "
            "name the run with run_dir=..., or add the stages before"
        )
    _refuse(RunFolder(Path(settings.runs_dir) / settings.name / "new"), plan(config))
    return new_run_folder(Path(settings.runs_dir), settings.name), config


def _reconcile(folder: RunFolder, config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The saved configuration, with what was asked anew and may be."""
    asked, saved = resolved_or_missing(config), folder.saved_config()
    touched = {_root(override) for override in overrides}
    fixed = touched - set(CHANGEABLE)
    if fixed:
        # A study may have set anything; any other word is about its own part of the configuration.
        parts = set(saved) | set(asked) if "experiment" in fixed else fixed
        before, now = ({key: each[key] for key in parts if key in each} for each in (saved, asked))
        changed = differing_keys(before, now)
        if changed:
            raise UserError(
                f"the run in {folder.path} was made with other values of {', '.join(changed)}; "
                f"a saved run can change only {', '.join(CHANGEABLE)}. Start a new run for the rest"
            )
    if not touched & {"stages", "resume"}:
        raise UserError(
            f"{folder.path} already holds a run; go on with it with resume=true, do some stages again with "
            "stages=[...], or choose another run_dir"
        )
    final = completed(saved, asked)
    if touched & {"stress", "drift"}:
        touched |= {"stress", "drift"}  # a suite is both: its settings, and the drifts that it holds
    for key in touched & set(CHANGEABLE):
        final[key] = asked[key]
    final["resume"] = bool(asked.get("resume", False))
    return OmegaConf.create(final)


def completed(saved: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """A saved configuration with what it lacks: an older run has no settings for what came later.

    Only what may be asked anew of a saved run is filled in, because nothing else could have been left out.
    """
    return {**{key: default[key] for key in CHANGEABLE if key in default and key not in saved}, **saved}


MADE_WITH = {
    "calibrate": ("calibration", "fusion"),
    "stress": ("stress", "drift", "calibration", "fusion", "evaluation"),
    "counterfactual": ("counterfactual", "calibration", "fusion"),
    "simulate": ("simulation", "policy", "calibration", "fusion"),
    "monitor": ("monitor", "calibration", "fusion"),
}
"""The settings that a saved run may change, by the stage whose results they decide."""


BEFORE_THERE_WAS_ANY = {
    "calibration": {
        TARGET: f"{CalibrationSettings.__module__}.{CalibrationSettings.__name__}",
        **asdict(CalibrationSettings()),
    }
}
"""What a saved configuration that lacks a setting was made with."""


def _made_otherwise(folder: RunFolder, final: Mapping[str, Any]) -> list[str]:
    """Stages that were done with other settings than are asked for now.

    A result of other settings is not the one that was done; what it left can still be of use.
    """
    if not any(folder.is_done(stage) for stage in MADE_WITH):
        return []
    saved = {**BEFORE_THERE_WAS_ANY, **folder.saved_config()}
    return [
        stage
        for stage, keys in MADE_WITH.items()
        if folder.is_done(stage) and any(saved.get(key) != final.get(key) for key in keys)
    ]


def _who_serves_it(plan: Plan) -> str:
    return " and ".join(name for name, each in plan.contenders.items() if need_the_runs_model([each]))


def resolved_or_missing(config: DictConfig) -> dict[str, Any]:
    """``resolved``, with required values that are not given left as they are."""
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key != "hydra"}


def _root(override: str) -> str:
    """The part of the configuration that an override is about: of ``group@place=option`` it is the place."""
    key = override.lstrip("+~").split("=", maxsplit=1)[0]
    return re.split(r"[./:]", key.rpartition("@")[2], maxsplit=1)[0]


def _save_config(folder: RunFolder, config: dict[str, Any]) -> None:
    """Write the configuration; which stages are done again is no part of what the run is."""
    if folder.is_run:
        saved = folder.saved_config()
        config = {**config, **{key: saved[key] for key in ("stages", "run_dir", "runs_dir", "resume")}}
    folder.start(to_yaml(config))


def _record(folder: RunFolder, seed: int) -> None:
    """Write the manifest when a run is started, and remember each time that it is gone on with."""
    made = manifest(seed=seed, fingerprint=None, command=sys.argv)
    if folder.manifest_file.is_file():
        start = {key: made[key] for key in ("started_at", "command", "code")}
        made = read_json(folder.manifest_file)
        made["later_starts"] = [*made.get("later_starts", []), start]
    write_json(folder.manifest_file, made)
