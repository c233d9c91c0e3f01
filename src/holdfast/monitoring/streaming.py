"""Detectors that read a stream value by value: ADWIN, Page-Hinkley, DDM and KSWIN, as river has them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from holdfast.monitoring.finding import Finding
from holdfast.monitoring.pair import Place


class StreamDetector(Protocol):
    """Settings of a detector; ``start`` gives a fresh one of river's."""

    @property
    def name(self) -> str:
        """The kind that its findings have."""
        ...

    def start(self) -> Any:
        """A detector that has seen nothing, with ``update`` and ``drift_detected``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Adwin:
    """A change of the mean, by an adaptive window. Source: Bifet and Gavalda (2007).

    Attributes:
        delta: the smaller, the fewer false alarms; in (0, 1).
        clock: values between two looks.
    """

    delta: float = 0.002
    clock: int = 32

    def __post_init__(self) -> None:
        _in_unit("delta", self.delta)
        _positive("clock", self.clock)

    @property
    def name(self) -> str:
        """``adwin``."""
        return "adwin"

    def start(self) -> Any:
        """river's ADWIN."""
        from river import drift

        return drift.ADWIN(delta=self.delta, clock=self.clock)  # type: ignore[no-untyped-call]  # compiled


@dataclass(frozen=True, kw_only=True)
class PageHinkley:
    """A change of the mean, by cumulated deviations. Source: Page (1954).

    Not calibrated: on stable data of unit variance the default alarms about once in a thousand values.

    Attributes:
        min_instances: values before the first look.
        delta: deviation that is let pass.
        threshold: cumulated deviation that alarms, in the values' unit.
        alpha: forgetting, 1 forgets nothing; in (0, 1].
        mode: changes up, down or both.
    """

    min_instances: int = 30
    delta: float = 0.005
    threshold: float = 50.0
    alpha: float = 0.9999
    mode: Literal["up", "down", "both"] = "both"

    def __post_init__(self) -> None:
        _positive("min_instances", self.min_instances)
        if self.threshold <= 0:
            raise ValueError(f"threshold must be above 0, got {self.threshold}")
        if not 0 < self.alpha <= 1:
            raise ValueError(f"alpha must lie in (0, 1], got {self.alpha}")
        if self.mode not in ("up", "down", "both"):
            raise ValueError(f"mode must be up, down or both, got {self.mode!r}")

    @property
    def name(self) -> str:
        """``page_hinkley``."""
        return "page_hinkley"

    def start(self) -> Any:
        """river's Page-Hinkley."""
        from river import drift

        return drift.PageHinkley(
            min_instances=self.min_instances,
            delta=self.delta,
            threshold=self.threshold,
            alpha=self.alpha,
            mode=self.mode,
        )


@dataclass(frozen=True, kw_only=True)
class Ddm:
    """A rise of an error rate: the stream is 1 for an error, else 0. Source: Gama et al. (2004).

    Attributes:
        warm_start: values before the first look.
        warning_threshold: standard deviations that warn.
        drift_threshold: standard deviations that alarm.
    """

    warm_start: int = 30
    warning_threshold: float = 2.0
    drift_threshold: float = 3.0

    def __post_init__(self) -> None:
        _positive("warm_start", self.warm_start)
        if not 0 < self.warning_threshold <= self.drift_threshold:
            raise ValueError(
                f"warning_threshold must lie above 0 and not above drift_threshold, got "
                f"{self.warning_threshold} and {self.drift_threshold}"
            )

    @property
    def name(self) -> str:
        """``ddm``."""
        return "ddm"

    def start(self) -> Any:
        """river's DDM."""
        from river import drift

        return drift.binary.DDM(
            warm_start=self.warm_start,
            warning_threshold=self.warning_threshold,
            drift_threshold=self.drift_threshold,
        )


@dataclass(frozen=True, kw_only=True)
class Kswin:
    """A change of the distribution, by Kolmogorov-Smirnov tests within a sliding window. Source: Raab et
    al. (2020).

    Attributes:
        alpha: level of each test, in (0, 1).
        window_size: values in the window.
        stat_size: newest values that are compared with as many older ones, drawn at random.
        seed: of these draws.
    """

    alpha: float = 0.005
    window_size: int = 100
    stat_size: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        _in_unit("alpha", self.alpha)
        _positive("stat_size", self.stat_size)
        if self.window_size < 2 * self.stat_size:
            raise ValueError(
                f"window_size must be twice stat_size or more, got {self.window_size} and {self.stat_size}"
            )

    @property
    def name(self) -> str:
        """``kswin``."""
        return "kswin"

    def start(self) -> Any:
        """river's KSWIN."""
        from river import drift

        return drift.KSWIN(
            alpha=self.alpha, window_size=self.window_size, stat_size=self.stat_size, seed=self.seed
        )


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A moment at which a stream detector spoke: the index of the value, and whether it only warned."""

    index: int
    is_warning: bool = False


def signals(values: Iterable[float], *, detector: StreamDetector) -> Iterator[Signal]:
    """Where a detector speaks along a stream, from index 0; of several warnings before a drift, the first.

    Missing and infinite values are passed over, as one of them would poison the detector's state for good.
    """
    state = detector.start()
    has_warned = False
    for index, value in enumerate(values):
        if not math.isfinite(value):
            continue
        state.update(value)
        if getattr(state, "warning_detected", False) and not has_warned:
            has_warned = True
            yield Signal(index=index, is_warning=True)
        if state.drift_detected:
            has_warned = False
            yield Signal(index=index)


def stream_findings(
    where: str, values: Iterable[float], *, detector: StreamDetector, place: Place = "outcome"
) -> list[Finding]:
    """The drifts of a stream as findings: statistic is the index, effect the change of the mean in own units.

    Args:
        where: what the stream is of.
        values: in their order of time; NaN where unknown.
        detector: its settings.
        place: what ``where`` is.

    Returns:
        One finding per drift, without a p-value: these detectors have none. A stream without a single
        finite value gives one finding of kind ``all_missing``.
    """
    held = np.asarray(list(values), dtype=np.float64)
    finite = np.isfinite(held)
    if not finite.any():
        note = "the stream holds no finite value"
        return [
            Finding(
                where=where,
                kind="all_missing",
                place=place,
                n_current=len(held),
                severity="broken",
                note=note,
            )
        ]
    found = []
    begin = 0
    drifts = [signal.index for signal in signals(held, detector=detector) if not signal.is_warning]
    for number, index in enumerate(drifts):
        after = drifts[number + 1] if number + 1 < len(drifts) else len(held)
        before_values = held[begin:index][finite[begin:index]]
        after_values = held[index:after][finite[index:after]]
        change = float(after_values.mean() - before_values.mean()) if len(before_values) else None
        found.append(
            Finding(
                where=where,
                kind=detector.name,
                place=place,
                statistic=float(index),
                effect=change,
                effect_unit="own units",
                n_reference=len(before_values),
                n_current=len(after_values),
                severity="moderate",
                note=f"changed at value {index} of {len(held)}",
            )
        )
        begin = index
    return found


def _in_unit(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie in (0, 1), got {value}")


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be 1 or more, got {value}")
