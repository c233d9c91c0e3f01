"""Every configuration in the tree composes, is checked, and builds its components."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from holdfast.app.composition import check_config, plan
from holdfast.app.hydra_entry import compose
from holdfast.app.schema import TARGET, build, check, component_class, component_nodes
from holdfast.core.errors import UserError
from holdfast.core.shipped import shipped_folder

CONFIGS = shipped_folder("configs")
GROUP_FILES = sorted(path for path in CONFIGS.rglob("*.yaml") if path.parent != CONFIGS)
STUDIES = sorted(shipped_folder("experiments").glob("*/experiment/**/*.yaml"))
NEEDS_A_ROOT = {"parquet", "ebnerd", "kuairand", "open_bandit"}


@pytest.fixture(autouse=True)
def fresh_hydra():
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


PARTS_OF_CONTENDERS = ("policy/scorer", "policy/exploration")


def choice(path: Path) -> str:
    group = path.parent.relative_to(CONFIGS).as_posix()
    return f"{group}={path.stem}"


def chosen(path: Path) -> list[str]:
    """Overrides that make the file a part of the run."""
    group = path.parent.relative_to(CONFIGS).as_posix()
    if group not in PARTS_OF_CONTENDERS:
        return [choice(path)]
    part = group.removeprefix("policy/")
    # A scorer of several members goes with every exploration, and greedy with every scorer.
    members = ["policy.trained.scorer.members=2"] if part == "exploration" else []
    return ["policy=[trained]", f"{group}@policy.trained.{part}={path.stem}", *members]


def test_the_tree_holds_what_it_is_thought_to_hold():
    # A file that nobody composes is a file that nobody tests: change the count when one is added.
    assert len(GROUP_FILES) == 161
    assert len(STUDIES) == 7


@pytest.mark.parametrize("path", [path for path in GROUP_FILES if path.parent.name != "drift"], ids=choice)
def test_every_option_of_every_group_builds(path, tmp_path):
    overrides = chosen(path)
    if path.stem in NEEDS_A_ROOT:
        overrides.append(f"data.root={tmp_path}")
    if path.stem == "per_segment":
        overrides.append("fusion.segment=device")
    if path.stem == "bundle":
        contender = "bundle" if path.parent.name == "policy" else "trained"
        overrides.append(f"policy.{contender}.scorer.folder={tmp_path}")
    made = plan(compose(overrides))
    assert made.settings.stages


@pytest.mark.parametrize("path", [path for path in GROUP_FILES if path.parent.name == "drift"], ids=choice)
def test_every_drift_builds(path):
    config = compose([f"+drift={path.stem}"])
    check(config)
    assert len(build(config, f"drift.{path.stem}").strengths) == 5


def study(path: Path) -> str:
    """As it is asked for: its path below its study's folder ``experiment``."""
    parts = path.with_suffix("").parts
    return "/".join(parts[parts.index("experiment") + 1 :])


@pytest.mark.parametrize("path", STUDIES, ids=study)
def test_every_study_builds_and_opens_with_its_question(path):
    made = plan(compose([f"experiment={study(path)}"]))
    assert made.settings.name == study(path).replace("/", "_")
    assert made.settings.question.endswith("?")
    assert "?" in path.read_text().splitlines()[1], "a study's file opens with the question it asks"


@pytest.mark.parametrize("path", GROUP_FILES, ids=choice)
def test_a_file_lists_every_field_of_its_component(path):
    """So that --cfg job shows all there is, and every field can be set without a plus sign."""
    values = yaml.safe_load(path.read_text())
    if "@package _global_" in path.read_text().splitlines()[0]:
        values = values[path.parent.name]
    component = component_class(values.pop(TARGET))
    # What the defaults list fills in is a field as well.
    placed = [key.split("@")[-1] for each in values.pop("defaults", []) if each != "_self_" for key in each]
    filled = {each.split(".")[0] for each in placed}
    assert set(values) | filled == {field.name for field in dataclasses.fields(component) if field.init}


@pytest.mark.parametrize("path", GROUP_FILES, ids=choice)
def test_a_file_says_in_a_comment_what_it_is(path):
    comments = [
        line for line in path.read_text().splitlines()[:2] if line.startswith("# ") and "@" not in line
    ]
    assert comments


def test_the_default_is_made_of_components_only():
    targets = {key for key, _ in component_nodes(compose([]))}
    assert {"data", "split", "model.mixture", "model.heads.click", "objective.weighting"} <= targets


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("split.test_days=soon", r"split\.test_days: Value 'soon'"),
        ("+trainer.batchsize=10", r"trainer\.batchsize is unknown; TrainerSettings has .*batch_size"),
        ("+epochs=3", r"unknown keys at the top of the configuration: \['epochs'\]"),
        ("seed=one", r"seed: Value 'one'"),
        ("data=ebnerd", r"data\.root is required and not given; say data\.root="),
        ("~trainer", r"trainer names no component"),
        ("~simulation", r"simulation names no component"),
        ("policy=[bundle]", r"policy\.bundle\.scorer\.folder is required and not given"),
        ("+simulation.value.gold=1", r"simulation\.value\.gold is unknown; LongTermValue has"),
    ],
)
def test_unknown_keys_and_wrong_types_are_refused_before_anything_is_built(override, said):
    with pytest.raises(UserError, match=said):
        check_config(compose([override]))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "model.heads.retention.horizon_days=9",
            r"model\.heads\.retention\.horizon_days is 9, and labels tell apart 7 days: raise",
        ),
        ("split.test_days=0", r"split: split\.test_days is 0; it must be at least 1"),
        ("data.exploration=1.5", r"data: .*exploration"),
        ("model.mixture.num_experts=0", r"model\.mixture: num_experts is 0"),
        (
            "model.interaction._target_=holdfast.models.sequences.mean_pooling.MeanPooling",
            r"model\.interaction: MeanPooling is no Interaction, which has build\(shape\) and not",
        ),
        (
            "model.sequence._target_=holdfast.models.interactions.concatenation.Concatenation",
            r"model\.sequence: Concatenation is no SequenceEncoder",
        ),
        ("model/interaction=dcn_v2 model.interaction.num_layers=0", r"model\.interaction: num_layers is 0"),
        (
            "model/interaction=self_attention model.interaction.num_heads=3",
            r"model\.interaction: attention_width is 16, which 3 heads do not divide",
        ),
        ("objective.weighting.max_weight=0.5", r"objective\.weighting: max_weight is 0\.5"),
        ("counterfactual.candidates=all", r"counterfactual: candidates is 'all'; choose one of"),
        (
            "policy/exploration@counterfactual.exploration=posterior_sampling",
            r"counterfactual: exploration posterior_sampling\(0\.02\) needs 2 models, and a run has one",
        ),
        ("+counterfactual.utility.gold=1", r"counterfactual: utility is .*gold.*; give finite numbers"),
        ("counterfactual.level=1", r"counterfactual: level is 1\.0"),
        ("simulation.num_days=0", r"simulation: num_days is 0"),
        ("simulation.value.click_value=nan", r"simulation\.value: click_value is nan"),
        ("policy.popularity.retrain=true", r"policy\.popularity: retrain is true, and only the run's own"),
        ("+policy.uniform.scorer.members=2", r"policy\.uniform: scorer: dict is no scorer"),
        ("+policy.odd=3", r"policy\.odd is no contender; choose contenders with policy=\["),
        ("stages=[fitt]", r"stages are \['fitt'\]; choose"),
        ("name=a/b", r"name is 'a/b'; it becomes a folder"),
        ("tracking.mode=on", r"tracking"),
        ("trainer.strategy=ddp_fork", r"trainer: strategy is 'ddp_fork'; choose from"),
        ("trainer.accelerator=tpu7", r"trainer: accelerator is 'tpu7'"),
        ("trainer.criterion=validation/foo", r"trainer\.criterion is 'validation/foo', which is not logged"),
        ("fusion.weights={click:0,dwell:0,retention:0}", r"fusion: fusion\.weights are 0 for all"),
        ("calibration.click=platt", r"calibration: click is 'platt'; choose one of"),
        ("evaluation.pareto_points=3", r"evaluation\.pareto_points is 3; it must be 0 \(no front\)"),
        ("~objective.balance.weights.dwell", r"objective\.balance: weights has no entry for \['dwell'\]"),
    ],
)
def test_values_out_of_range_are_refused_on_construction(override, said):
    with pytest.raises(UserError, match=said):
        plan(compose(override.split()))


def test_a_users_own_folder_comes_first_on_the_search_path(tmp_path):
    (tmp_path / "model" / "mixture").mkdir(parents=True)
    (tmp_path / "model" / "mixture" / "tiny.yaml").write_text(
        "_target_: holdfast.models.mixtures.mmoe.MMoE\nnum_experts: 1\nexpert_widths: [4]\ndropout: 0.0\n"
    )
    config = compose(["model/mixture=tiny"], config_dir=str(tmp_path))
    assert OmegaConf.select(config, "model.mixture.num_experts") == 1
    check_config(config)


def test_a_contender_of_ones_own_is_a_file_that_puts_parts_together(tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "careful.yaml").write_text(
        "# @package policy.careful\n# One slot given to chance.\ndefaults:\n  - scorer: trained_model\n"
        "  - exploration: random_slots\n  - _self_\n"
        "_target_: holdfast.app.simulating.contenders.ContenderSettings\nretrain: true\n"
    )
    words = ["policy=[uniform,careful]", "policy.careful.exploration.num_random=2"]
    made = plan(compose(words, config_dir=str(tmp_path))).contenders
    assert list(made) == ["uniform", "careful"]
    assert made["careful"].retrain
    assert made["careful"].exploration.label == "random_slots(2,anywhere)"


def test_a_component_of_another_kind_is_refused_by_name(tmp_path):
    (tmp_path / "model" / "mixture").mkdir(parents=True)
    (tmp_path / "model" / "mixture" / "odd.yaml").write_text(
        "_target_: holdfast.data.encoder.EncoderSettings\nmin_count: 2\nmax_vocabulary: 9\nclip: 1.0\n"
    )
    config = compose(["model/mixture=odd"], config_dir=str(tmp_path))
    with pytest.raises(UserError, match=r"model\.mixture: EncoderSettings is no Mixture, which has build"):
        plan(config)
