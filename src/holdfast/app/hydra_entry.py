"""Handing a command line to Hydra, and one composed configuration to the runner."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import islice

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from holdfast.app import failures
from holdfast.app.study_search_path import register_search_path
from holdfast.core.shipped import shipped_folder

CONFIG_NAME = "run"


def run_with_hydra(words: Sequence[str]) -> int:
    """Run ``holdfast run`` with the words that follow it."""
    words = _options_first(words)
    if any(word == "--cfg" or word == "-c" or word.startswith("--cfg=") for word in words):
        _check_before_printing(words)
    _hydra_main(words, "holdfast")
    return 0


def _options_first(words: Sequence[str]) -> list[str]:
    """The same words with options before overrides: Hydra's parser takes them only side by side."""
    long = ("--cfg", "--config-dir", "--config-name", "--config-path", "--package", "--info")
    with_value = (*long, "-c", "-cd", "-cn", "-cp", "-p", "-i")
    options: list[str] = []
    overrides: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word.startswith("-"):
            options.append(word)
            if word in with_value:
                options.extend(islice(waiting, 1))
        else:
            overrides.append(word)
    # Between them goes what cannot be mistaken for the value of an option.
    return [*options, *(["--"] if options and overrides else []), *overrides]


def complete_with_hydra(words: Sequence[str]) -> int:
    """Answer a shell that asks how a command line may go on."""
    _hydra_main(["-sc", *words], "holdfast")
    return 0


def _hydra_main(words: Sequence[str], program: str) -> None:
    register_search_path()
    # Hydra would print a shortened traceback of its own and exit; our messages are made in one place.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    failures_of_one_job: list[Exception] = []

    def one_job(config: DictConfig) -> None:
        try:
            _one_job(config)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise  # so that Hydra counts the job as failed and runs the others
            failures_of_one_job.append(error)  # raised below, without Hydra's own words about it

    previous = sys.argv

    def with_own_words(config: DictConfig) -> None:
        sys.argv = previous  # Hydra has read its own; a run records what was really typed
        one_job(config)

    sys.argv = [program, *words]
    try:
        entry = hydra.main(
            version_base="1.3", config_path=str(shipped_folder("configs")), config_name=CONFIG_NAME
        )
        entry(with_own_words)()
    finally:
        sys.argv = previous
        GlobalHydra.instance().clear()
    if failures_of_one_job:
        raise failures_of_one_job[0]


def _one_job(config: DictConfig) -> None:
    from holdfast.app.runner import run

    runtime = HydraConfig.get()
    overrides = list(runtime.overrides.task)
    try:
        run(config, overrides=overrides)
    except Exception as error:
        if runtime.mode == RunMode.MULTIRUN:
            # Hydra tells of failures when the last job is over; say it now, and let the others go on.
            print(f"error in job {runtime.job.num} ({' '.join(overrides)}):", file=sys.stderr)
            failures.report(error)
        raise


def _check_before_printing(words: Sequence[str]) -> None:
    """Hydra prints a configuration without handing it over, so it is composed and checked apart first."""
    from hydra._internal.utils import get_args_parser

    from holdfast.app.composition import check_config

    arguments = get_args_parser().parse_args(list(words))
    if arguments.cfg == "job":
        check_config(compose(arguments.overrides, config_dir=arguments.config_dir))


def compose(overrides: Sequence[str], *, config_dir: str | None = None) -> DictConfig:
    """The configuration that ``holdfast run`` with these overrides would have."""
    register_search_path()
    extra = [] if config_dir is None else [f"hydra.searchpath=[file://{os.path.abspath(config_dir)}]"]  # noqa: PTH100
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(shipped_folder("configs"))):
        return hydra.compose(CONFIG_NAME, overrides=[*overrides, *extra])
