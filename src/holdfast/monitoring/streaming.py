"""Detectors that read a stream value by value: ADWIN, Page-Hinkley, DDM and KSWIN, as river has them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

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

    On stable independent values the default alarms less than once in ten thousand.

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

    Not calibrated: on stable values of unit variance the default alarms about 0.6 times in a thousand, on
    log-normal ones 2.6 times. ``delta`` and ``threshold`` are in the values' unit; scale them with it.

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

    On a stable rate of 0.05 the default alarms about once in fifty thousand.

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

    It tests at every value, in 0.3 to 0.5 ms: on stable ones the default alarms about once in a thousand.

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


CHUNK = 65_536
"""Values of an array that are taken apart at a time."""


def signals(values: Iterable[float], *, detector: StreamDetector) -> Iterator[Signal]:
    """Where a detector speaks along a stream, from index 0; of several warnings before a drift, the first.

    The stream is read once and not kept, so that it may be an iterator without an end. Missing and infinite
    values are passed over, as one of them would poison the detector's state for good.
    """
    for index, _, spoke in _steps(values, detector):
        if spoke is not None:
            yield Signal(index=index, is_warning=spoke == "warning")


def stream_findings(
    where: str, values: Iterable[float], *, detector: StreamDetector, place: Place = "outcome"
) -> list[Finding]:
    """The drifts of a stream as findings: statistic is the index, effect the change of the mean in own units.

    Reads the stream once and keeps sums alone.

    Args:
        where: what the stream is of.
        values: of a feature, a prediction or an outcome, in their order of time; NaN where unknown.
        detector: its settings.
        place: what ``where`` is.

    Returns:
        One finding per drift, without a p-value: these detectors have none. A stream without a single
        finite value gives one finding of kind ``all_missing``.
    """
    counts, sums, drifts, num_values = [0], [0.0], [], 0
    for index, value, spoke in _steps(values, detector):
        num_values = index + 1
        if spoke == "drift":
            drifts.append(index)
            counts.append(0)
            sums.append(0.0)
        if math.isfinite(value):
            counts[-1] += 1
            sums[-1] += value
    if not sum(counts):
        note = "the stream holds no finite value"
        shared: dict[str, Any] = {"where": where, "place": place, "n_current": num_values}
        return [Finding(kind="all_missing", severity="broken", note=note, **shared)]
    found = []
    for number, index in enumerate(drifts):
        before, after = counts[number], counts[number + 1]
        change = sums[number + 1] / after - sums[number] / before if before else None
        found.append(
            Finding(
                where=where,
                kind=detector.name,
                place=place,
                statistic=float(index),
                effect=change,
                effect_unit="own units",
                n_reference=before,
                n_current=after,
                severity="moderate",
                note=f"changed at value {index} of {num_values}",
            )
        )
    return found


def _steps(
    values: Iterable[float], detector: StreamDetector
) -> Iterator[tuple[int, float, Literal["warning", "drift"] | None]]:
    """Every value with its index, and what the detector says at it."""
    state = detector.start()
    has_warned = False
    for index, value in enumerate(_one_by_one(values)):
        spoke: Literal["warning", "drift"] | None = None
        if math.isfinite(value):
            state.update(value)
            if getattr(state, "warning_detected", False) and not has_warned:
                has_warned = True
                yield index, math.nan, "warning"
            spoke = "drift" if state.drift_detected else None
            has_warned &= spoke is None
        yield index, value, spoke


def _one_by_one(values: Iterable[float]) -> Iterator[float]:
    """The values as Python's own numbers; those of an array a chunk at a time."""
    if not isinstance(values, np.ndarray | pd.Series):
        yield from values
        return
    whole = pd.Series(values)
    for start in range(0, len(whole), CHUNK):
        chunk = whole.iloc[start : start + CHUNK]
        yield from chunk.to_numpy(dtype=np.float64, na_value=np.nan).tolist()


def _in_unit(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie in (0, 1), got {value}")


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be 1 or more, got {value}")
