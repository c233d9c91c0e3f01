"""How stream detectors, which have no p-values, may alarm: on a budget of their own, at stated rates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy.stats import poisson

from holdfast.monitoring.finding import Finding

STATED_RATES: Mapping[str, float] = {
    "adwin": 1e-5,
    "page_hinkley": 1e-3,
    "kswin": 2e-3,
    "ddm": 5e-3,
}
"""False alarms a value of the default detectors on stable, independent values (DDM's: mostly in the first
hundred), rounded up. Of unit variance for Page-Hinkley, whose threshold is in the values' unit."""


@dataclass(frozen=True, kw_only=True)
class StreamBudget:
    r"""When a signal of a stream is more than a detector's usual false alarms.

    The k-th signal of a stream, at value n, is held against how likely so many false ones would be by then,

    .. math:: p_k = \mathrm{P}(\mathrm{Poisson}(\lambda n) \ge k), \qquad \text{alarm where } S \, 2^k p_k
              \le \alpha

    with :math:`\lambda` the detector's stated rate and S the number of streams: the weights :math:`2^{-k}`
    sum to 1 over all signals ever, so :math:`\alpha` bounds the chance of any false alarm in any stream,
    however long one watches, as far as the stated rates hold. The price is patience: of a detector that cries
    wolf once in a thousand values one signal alone says nothing.

    Attributes:
        rate: :math:`\alpha`, apart from that of other findings; in (0, 1).
        num_streams: S, with those that never speak, at least 1; more where more spoke.
        false_alarms: :math:`\lambda` by kind of detector, a value, > 0; state your own for other settings,
            or for values that are not independent.
    """

    rate: float = 0.05
    num_streams: int = 1
    false_alarms: Mapping[str, float] = field(default_factory=lambda: dict(STATED_RATES))

    def __post_init__(self) -> None:
        if not 0.0 < self.rate < 1.0:
            raise ValueError(f"rate is {self.rate}; it must lie between 0 and 1, as 0.05 does")
        if self.num_streams < 1:
            raise ValueError(f"num_streams is {self.num_streams}; it must be at least 1")
        wrong = {kind: rate for kind, rate in self.false_alarms.items() if not rate > 0.0}
        if wrong:
            raise ValueError(f"false_alarms is {wrong}; rates must be above 0")

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is a stream's signal with a stated rate, and the index of its value."""
        return finding.p_value is None and finding.kind in self.false_alarms and finding.statistic is not None

    def judged(self, findings: Sequence[Finding]) -> list[tuple[Finding, float, float]]:
        """Each signal with its p-value and the one adjusted for all signals of all streams, at most 1.

        Args:
            findings: of ``stream_findings``, of any number of streams; others are left out.
        """
        streams: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for each in findings:
            if self.covers(each):
                streams[(each.where, each.kind)].append(each)
        number = max(self.num_streams, len(streams))
        found = []
        for (_, kind), signals in streams.items():
            signals.sort(key=lambda each: each.statistic or 0.0)
            for count, each in enumerate(signals, start=1):
                values = (each.statistic or 0.0) + 1.0
                p_value = float(poisson.sf(count - 1, self.false_alarms[kind] * values))
                found.append((each, p_value, min(1.0, number * 2.0**count * p_value)))
        return found
