"""What a report says, as plain data: no run, no model and no settings object is needed to make one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from holdfast.app.report.fusion_content import FusionSection
from holdfast.monitoring.finding import Finding

Tone = Literal["good", "mixed", "bad", "unclear"]
CalibrationKind = Literal["probability", "seconds", "by_day"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer, before all detail.

    Attributes:
        title: the answer in one line.
        sentences: what it rests on, and what it does not show.
        tone: colours the box; the words have to stand without it.
    """

    title: str
    sentences: Sequence[str] = ()
    tone: Tone = "unclear"


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One of the few numbers on top of the page.

    Attributes:
        label: what it is, such as ``click AUC``.
        value: None where it is not defined.
        low: lower end of the interval, None where there is none.
        high: upper end of the interval, None where there is none.
        context: what to hold it against, such as ``recency and frequency alone: 0.61``.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    context: str = ""


@dataclass(frozen=True, kw_only=True)
class DataSection:
    """The log and how it was cut.

    Attributes:
        name: of the dataset card; so are ``description``, ``source``, ``licence`` and ``notes``.
        counts: how many of what, such as rows, users, items, requests.
        windows: ``name``, ``start``, ``end``, ``as_of`` (moments, UTC) and any of ``rows``, ``users``,
            ``requests``, ``share_matured`` (in [0, 1]); one row a window, in order of time.
        quarantined: ``column``, ``rule``, ``rows``: what was set aside; None where nothing was looked for.
    """

    name: str
    description: str = ""
    source: str = ""
    licence: str = ""
    notes: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    windows: pd.DataFrame = field(default_factory=pd.DataFrame)
    quarantined: pd.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class PropensitySection:
    """How far the propensities can be trusted.

    Attributes:
        meaning: what the propensity is the probability of.
        source: logged by the policy, or fitted; by what.
        weighting: how losses use it.
        diagnostics: ``objective`` and any of ``num_rows``, ``effective_sample_size``, ``largest_weight``,
            ``clipped_share``, ``mean_inverse_propensity``; see ``core.importance.WeightDiagnostics``.
        estimator: how losses that are observed only after a click are told; empty where they are plain means.
        after_click: the same diagnostics of the predicted click, in the epoch that was kept.
        checks: what was found about the propensities themselves, a sentence each.
    """

    meaning: str
    source: str = ""
    weighting: str = ""
    diagnostics: pd.DataFrame = field(default_factory=pd.DataFrame)
    estimator: str = ""
    after_click: pd.DataFrame = field(default_factory=pd.DataFrame)
    checks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class LearningSection:
    """How training went.

    Attributes:
        curves: ``epoch`` and columns named ``train/QUANTITY`` and ``validation/QUANTITY``; a panel is drawn
            for each quantity. Columns ``gates/GATE/EXPERT`` and ``gates/GATE/entropy`` are drawn as such.
        best_epoch: the epoch whose weights were kept; None where none was better than another.
        criterion: what decided that.
        note: how training ended.
    """

    curves: pd.DataFrame
    best_epoch: int | None = None
    criterion: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Predicted beside observed.

    Attributes:
        table: ``predicted``, ``observed`` and, where known, ``low`` and ``high`` (interval of the observed)
            and ``n``; one row a bin, or, for ``by_day``, one row a ``day``.
        kind: ``probability`` and ``seconds`` are drawn against the diagonal, ``by_day`` over days.
        outcome: what is predicted, as an axis says it: ``click rate``, ``dwell``, ``back within so many
            days``.
    """

    table: pd.DataFrame
    kind: CalibrationKind
    outcome: str


@dataclass(frozen=True, kw_only=True)
class BundleSection:
    """What was exported.

    Attributes:
        location: where it lies, relative to the report where possible.
        size_bytes: of all files together.
        max_difference: largest absolute difference to the PyTorch model; None where it was not checked.
        tolerance: the largest that is allowed.
        checked: on what parity was checked.
        files: ``file``, ``size_bytes``, ``sha256``.
    """

    location: str
    size_bytes: int
    max_difference: float | None = None
    tolerance: float = 1e-5
    checked: str = ""
    files: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, kw_only=True)
class ClosedLoopSection:
    """What happened when contenders served a world; see docs/closed_loop.md for the columns.

    Attributes:
        days: ``seed``, ``contender``, the columns of ``DayFigures``, ``value``, ``value_so_far`` and, where
            there is an oracle, ``regret``; one row a seed, contender and day. The order of contenders is that
            of the page.
        calibration: ``seed``, ``contender``, ``day``, ``objective``, ``predicted``, ``observed`` (means) and
            ``n``; empty where no contender predicts anything.
        summary: ``contender``, ``quantity``, ``mean``, ``low``, ``high``, ``num_seeds``; all days together.
        differences: the same of a contender minus its ``reference``, paired over seeds.
        sees_truth: contenders that are told the truth: marks to measure others against, no candidates.
        worth: what a day's value counts, in words.
        level: of the intervals, in (0, 1).
    """

    days: pd.DataFrame
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    differences: pd.DataFrame = field(default_factory=pd.DataFrame)
    sees_truth: Collection[str] = ()
    worth: str = ""
    level: float = 0.95


@dataclass(frozen=True, kw_only=True)
class CounterfactualSection:
    """What policies would have earned on a log that another one served; see docs/off_policy.md.

    Attributes:
        values: ``policy``, ``versus`` (empty, or the policy that was subtracted), ``objective``,
            ``estimator``, ``value``, ``low``, ``high``, ``effective_sample_size``, ``status``; a row a
            question and estimator.
        slots: ``policy``, ``slot``, ``rows``, ``effective_sample_size``, ``mean_weight``.
        weights: ``policy``, ``weight_from``, ``weight_to``, ``rows``, ``weight_share``.
        about: ``policies`` (the run's own first), ``exploration``, ``requests``, ``level``, ``blank``,
            ``candidates_of_a_request`` (fewest, most).
        units: of the objectives, in words.
        preferred: estimators in the order in which they are read.
    """

    values: pd.DataFrame
    slots: pd.DataFrame
    weights: pd.DataFrame
    about: Mapping[str, Any]
    units: Mapping[str, str] = field(default_factory=dict)
    preferred: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class StressSection:
    """What was left of a ranker when conditions changed; see docs/stress.md.

    Attributes:
        scenarios: ``injector``, ``kind``, ``drift``, ``severity``, ``output``, ``metric``, ``value``,
            ``low``, ``high``, ``clean``, ``reference``, ``skill``, ``reference_skill``, ``lift`` and
            their ends.
        days: ``model``, ``days_since_training``, ``output``, ``metric``, ``value``, ``low``,
            ``high``, ``reference``.
        summary: as ``stress.json`` holds it.
        strength: how strong each rung came out; None for runs that were stressed before it was measured.
        natural: windows that nobody made drift in; None likewise.
    """

    scenarios: pd.DataFrame
    days: pd.DataFrame
    summary: Mapping[str, Any]
    strength: pd.DataFrame | None = None
    natural: pd.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class MonitorSection:
    """What was seen of the test window when it was watched; see docs/monitoring.md.

    Attributes:
        told: as ``monitor.json`` holds it.
        findings: all of them.
    """

    told: Mapping[str, Any]
    findings: Sequence[Finding]


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """Everything on the page. A part that is None or empty is replaced by a line that says that it is absent.

    Attributes:
        title: of the page.
        verdict: the answer.
        question: what the experiment asks.
        experiment: its name.
        created: when, as text.
        headlines: the few numbers to look at first.
        warnings: what a reader must know before believing any of it.
        metrics: for each objective (and ``ranking``), metrics as ``MetricValue.to_dict`` gives them:
            ``name``, ``value``, ``low``, ``high``, ``n``, ``weighted``, ``note``. A baseline's metric carries
            the name of the metric that it is held against, with ``baseline_`` before its last part
            (``retention/d7/baseline_auc``).
        interval_note: what the intervals are.
        calibration: for each objective, one.
        daily: ``day``, ``metric``, ``value`` and, where known, ``low`` and ``high``; one row a day
            and metric.
        fusion: what was fitted after training, and what other fusions would give.
        counterfactual: what policies would have earned on the logged requests.
        closed_loop: contenders serving a world, day by day.
        stress: a section a suite.
        monitor: of the stage monitor; None where it was not run.
        absent: why a part is not there, by its name: an objective, or ``results``, ``daily``,
            ``counterfactual``, ``closed_loop``, ``stress``, ``monitor``, ``learning``, ``data``,
            ``propensity``, ``bundle``.
        command: what was typed.
        config: the resolved settings as YAML.
        manifest: versions, fingerprint, seeds, machine; nested mappings of plain values.
    """

    title: str
    verdict: Verdict
    question: str = ""
    experiment: str = ""
    created: str = ""
    headlines: Sequence[Headline] = ()
    warnings: Sequence[str] = ()
    metrics: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    interval_note: str = ""
    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    daily: pd.DataFrame = field(default_factory=pd.DataFrame)
    fusion: FusionSection | None = None
    counterfactual: CounterfactualSection | None = None
    closed_loop: ClosedLoopSection | None = None
    stress: Sequence[StressSection] = ()
    monitor: MonitorSection | None = None
    learning: LearningSection | None = None
    data: DataSection | None = None
    propensity: PropensitySection | None = None
    bundle: BundleSection | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    config: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
