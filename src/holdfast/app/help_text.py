"""What ``--help`` says: read from the folders of settings, so that it cannot lag behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from holdfast import __version__
from holdfast.app.settings import DEFAULT_STAGES
from holdfast.core.shipped import shipped_folder


def top_help() -> str:
    """Help for ``holdfast``."""
    return f"""\
holdfast {__version__}: which of these ranking models will still be worth serving in thirty days?

usage: holdfast COMMAND ...

commands:
  run [key=value ...]             from a log to a verdict: {", ".join(DEFAULT_STAGES)}
  simulate [key=value ...]        policies that serve a world for thirty days, and a report
  export RUN_OR_BUNDLE --check    prove that a bundle gives the numbers that the model gave
  monitor reference=RUN log=LOG   has the world moved since it was trained, where, and does it matter
  pareto RUN RUN ...              which of several runs are beaten in everything by another one
  compare RUN RUN ...             stressed runs beside each other; the best by a metric
  --version                       print the version

start here:
  holdfast run experiment=quickstart        a small world, a trained model, a report: about a minute
  holdfast run --help                       every setting and its options

A mistake of yours exits with 2 and says what to do; a defect of ours exits with 1. HOLDFAST_DEBUG=1 adds
the traceback."""


def run_help() -> str:
    """Help for ``holdfast run``."""
    lines = [
        "usage: holdfast run [key=value ...] [options]",
        "",
        f"Runs {', '.join(DEFAULT_STAGES)} on one log; leaves a folder with a report and a bundle.",
        "The stage simulate is run where it is asked for (holdfast simulate --help).",
        "",
        "examples:",
        "  holdfast run experiment=quickstart                      the embedded world",
        "  holdfast run data=ebnerd data.root=FOLDER               a public log (see datasets/)",
        "  holdfast run data=parquet data.root=FOLDER              your own log (docs/log_contract.md)",
        "  holdfast run model/mixture=shared_bottom seed=1         another model",
        "  holdfast run -m seed=0,1,2                              several runs of one name",
        "  holdfast run run_dir=RUN stages=[evaluate,report]       some stages of a saved run",
        "  holdfast run run_dir=RUN resume=true                    go on with an interrupted run",
        "  holdfast run --config-dir MY_CONFIGS experiment=mine    your own settings, on the search path",
        "",
        "options:",
        "  -m, --multirun         every combination of comma-separated values, a run each",
        "  --cfg job [--resolve]  print the configuration instead of running it",
        "  --config-dir DIR       put a folder of your own settings first on the search path",
        "  --info searchpath      where settings are looked for",
        '  completion: eval "$(holdfast -sc install=bash)" (or zsh, fish)',
        "",
        "groups (choose with group=option, see a group's fields with --cfg job):",
    ]
    options = sorted(_options())
    width = max(len(group) for group, _ in options)
    lines.extend(f"  {group:<{width}}  {', '.join(names)}" for group, names in options)
    lines += [
        "",
        "values: seed, name, question, tags, stages, run_dir, runs_dir, resume, horizon_days, every field",
        "of a group, such as trainer.max_epochs=3 or data.num_users=500",
    ]
    return "\n".join(lines)


def simulate_help() -> str:
    """Help for ``holdfast simulate``."""
    return """\
usage: holdfast simulate [key=value ...] [options]

Lets policies serve a world for thirty days, some trained again and again on what they themselves logged, and
leaves a report. Short for `holdfast run stages=[simulate,report]`, with the same settings.

examples:
  holdfast simulate                                                      who knows what is worth how much
  holdfast simulate policy=[uniform,popularity,myopic_oracle] simulation.seeds=[0,1,2,3,4]
  holdfast simulate run_dir=RUN policy=[uniform,trained,retrained]       the model of a saved run
  holdfast simulate policy=[bundle] policy.bundle.scorer.folder=RUN/bundle
  holdfast simulate policy/exploration@policy.popularity.exploration=plackett_luce
  holdfast run stages=[prepare,fit,simulate,report] policy=[trained,retrained,retrained_exploring]

contenders: policy=[...], files in configs/policy; simulation.* says when they serve and how they are judged;
docs/closed_loop.md tells the rest."""


def shipped_options(group: str) -> list[str]:
    """Names of the options of a group of settings; none where there is no such group."""
    return dict(_options()).get(group, [])


def _options() -> Iterator[tuple[str, list[str]]]:
    """Each group of settings with the names of its options."""
    configs = shipped_folder("configs")
    for folder in sorted(path for path in configs.rglob("*") if path.is_dir()):
        names = sorted(file.stem for file in folder.glob("*.yaml"))
        if names:
            yield folder.relative_to(configs).as_posix(), names
    studies: list[Path] = list(shipped_folder("experiments").glob("*/experiment/*.yaml"))
    yield "experiment", sorted(file.stem for file in studies)
