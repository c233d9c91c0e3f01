"""What a simulation will do, worked out of its settings; what cannot be done is refused before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.app.composition import Plan
from holdfast.app.simulating.contender_folder import FIRST_MODELS
from holdfast.app.simulating.contenders import BundleModel, need_the_runs_model
from holdfast.app.simulating.model_server import opened
from holdfast.core.errors import UserError
from holdfast.data.canonical import COLUMN_NAMES
from holdfast.data.nightly_store import NightlyStore
from holdfast.data.splits import TemporalSplit
from holdfast.simulation.policies.random_slots import RandomSlots
from holdfast.simulation.world import DefaultWorld

LONG_TERM_ORACLE = "long_term_oracle"


@dataclass(frozen=True)
class Scene:
    """The settings of a simulation with every default worked out.

    Attributes:
        world: of the run.
        seeds: of the worlds.
        first_day: of serving.
        oracle: the contender that regret is measured to; None for none.
        reference: the contender that others are compared with.
    """

    world: DefaultWorld
    seeds: tuple[int, ...]
    first_day: int
    oracle: str | None
    reference: str


def scene_of(plan: Plan, *, prepared: bool) -> Scene:
    """Work out the defaults.

    Args:
        plan: that ``check_simulation`` let pass.
        prepared: whether the run's windows were cut, or will be.
    """
    world, settings = plan.source, plan.simulation
    assert isinstance(world, DefaultWorld)
    names = list(plan.contenders)
    first_day = settings.first_day
    if first_day is None:
        first_day = test_day(plan.split, num_days=world.num_days) if prepared else world.num_days
    seeds = tuple(settings.seeds if settings.seeds is not None else [world.seed])
    oracle = settings.oracle
    if oracle is None and LONG_TERM_ORACLE in names:
        oracle = LONG_TERM_ORACLE
    return Scene(world, seeds, first_day, oracle, settings.reference or names[0])


def check_simulation(plan: Plan, *, prepared: bool) -> None:
    """Refuse what could not be simulated, before minutes are spent on it.

    Args:
        plan: of the run.
        prepared: whether the run's windows were cut, or will be.

    Raises:
        UserError: says what is wrong and what to do.
    """
    world, settings, contenders = plan.source, plan.simulation, plan.contenders
    if not isinstance(world, DefaultWorld):
        raise UserError(
            "the stage simulate needs a world that goes on after its log, and data is "
            f"{type(world).__name__}; choose data=world, or leave the stage out"
        )
    if not contenders:
        raise UserError("nobody takes part; name contenders, such as policy=[uniform,popularity]")
    for name in ("oracle", "reference"):
        chosen = getattr(settings, name)
        if chosen is not None and chosen not in contenders:
            raise UserError(
                f"simulation.{name} is {chosen!r}, which does not take part; the contenders are "
                f"{', '.join(contenders)}: choose one of them, or name it in policy=[...] as well"
            )
    if settings.first_day is not None and settings.first_day > world.num_days:
        raise UserError(
            f"simulation.first_day is {settings.first_day}, and the log ends with day {world.num_days}; "
            "choose a day up to that one, or raise data.num_days"
        )
    _check_contenders(plan, num_slots=world.slots)
    if any(each.serves_models for each in contenders.values()):
        _check_models(plan, scene_of(plan, prepared=prepared))


def test_day(split: TemporalSplit, *, num_days: int) -> int:
    """The first day of the test window in the log of a world, day 0 its first; see ``TemporalSplit``."""
    folds_to_come = split.num_folds - 1 - split.fold
    return max(num_days - split.maturity_days - split.test_days * (1 + folds_to_come), 0)


def _check_contenders(plan: Plan, *, num_slots: int) -> None:
    if FIRST_MODELS in plan.contenders:
        raise UserError(
            f"policy.{FIRST_MODELS}: a contender's name becomes a folder, and in that one lie the models "
            "that serve first; choose another name"
        )
    for name, contender in plan.contenders.items():
        exploration = contender.exploration
        if isinstance(exploration, RandomSlots) and exploration.num_random > num_slots:
            raise UserError(
                f"policy.{name}.exploration.num_random is {exploration.num_random}, and a request has "
                f"{num_slots} slots; choose at most as many, or raise data.slots"
            )


def _check_models(plan: Plan, scene: Scene) -> None:
    world = scene.world
    card = world.publication(world.mechanisms(), world.behavior_on(0)).card()
    store = NightlyStore(plan.history, card)
    if scene.first_day == 0:
        raise UserError(
            "simulation.first_day is 0, and a model needs at least one day of a log before; choose 1 or later"
        )
    given = {*COLUMN_NAMES, *(each.name for each in card.features)}
    given |= {each.name for each in store.history.features()}
    for name, contender in plan.contenders.items():
        if isinstance(contender.scorer, BundleModel):
            for folder in contender.scorer.folders:
                _check_bundle(name, folder, given)
    if _use_model(plan):
        _check_the_future(plan, scene)
        _check_trainings(plan, scene)


def _check_bundle(name: str, folder: str, given: set[str]) -> None:
    try:
        bundle = opened(folder)
    except UserError as error:
        raise UserError(f"policy.{name}.scorer: {error}") from error
    missing = [each["name"] for each in bundle.signature["rows"] if each["name"] not in given]
    if missing:
        raise UserError(
            f"policy.{name}.scorer: the bundle {folder} was trained on columns that this world and history "
            f"do not have: {', '.join(missing)}; choose a bundle of data=world with the same history, or "
            "give history the windows that the bundle was trained with"
        )


def _check_the_future(plan: Plan, scene: Scene) -> None:
    """The run's own model must not serve days that it was chosen by, nor others those of their own world."""
    known = test_day(plan.split, num_days=scene.world.num_days)
    if scene.first_day < known:
        raise UserError(
            f"simulation.first_day is {scene.first_day}, and the run's model was chosen by what was known on "
            f"day {known}: it would serve days that it has seen. Choose {known} or later, or null"
        )


def _check_trainings(plan: Plan, scene: Scene) -> None:
    """The days that the first retraining would see must be more than validation takes."""
    settings = plan.simulation
    if not settings.retrain_every_days or not any(each.retrain for each in plan.contenders.values()):
        return
    day = scene.first_day + settings.retrain_every_days
    seen = min(day, settings.window_days) if settings.window_days else day
    if seen <= plan.split.validation_days:
        raise UserError(
            f"the first retraining would see {seen} days of a log, and split.validation_days takes "
            f"{plan.split.validation_days} of them to choose the epoch; raise simulation.window_days or "
            "simulation.first_day, or lower split.validation_days"
        )


def _use_model(plan: Plan) -> bool:
    return need_the_runs_model(plan.contenders.values())
