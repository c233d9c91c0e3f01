"""Which interval an estimate gets."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("analytic", "bootstrap", "empirical_bernstein", "clopper_pearson", "anytime")
BOUNDED_METHODS = ("empirical_bernstein", "clopper_pearson", "anytime")
"""Hold for every number of rows, but only for independent rows, bounded rewards and some estimators."""
GUARANTEED_METHODS = ("empirical_bernstein", "anytime")
"""Hold by proof, so that few or uneven rows make them wide and not wrong."""

ESTIMATORS_OF_METHOD = {
    "empirical_bernstein": ("ips", "snips", "sips", "snsips", "iips", "rips"),
    "clopper_pearson": ("ips", "sips", "iips", "rips"),
    "anytime": ("ips", "sips", "iips", "rips"),
}
SELF_NORMALIZED = ("snips", "snsips")
"""Of these estimators, those that divide by the mean weight."""
MIN_RESAMPLES = 20


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """How intervals are made.

    Attributes:
        method: ``analytic`` (Student t on the delta method's standard error, robust to users where the log
            has them), ``bootstrap`` (percentiles of Poisson resamples of rows or users, the same for all
            estimators), or one of those for bounded rewards and independent rows: ``empirical_bernstein``
            (IPS and SNIPS; of slates SIPS, SNSIPS, IIPS and RIPS), ``clopper_pearson`` (without the
            self-normalised ones) and ``anytime`` (likewise; holds however often one looks).
        level: in (0, 1).
        num_resamples: of the bootstrap, at least 20.
        seed: of the bootstrap and of the folds of reward models.
        largest_weight: largest weight that could have been logged, such as 1 over the smallest propensity
            that the behavior policy can have; ``empirical_bernstein`` and ``clopper_pearson`` need it,
            because the largest one seen proves nothing. Of slates: in any slot.
        reward_low: smallest reward possible, for bounded methods; of a slot where the log is one of slates.
        reward_high: largest reward possible, likewise.
    """

    method: str = "analytic"
    level: float = 0.95
    num_resamples: int = 200
    seed: int = 0
    largest_weight: float | None = None
    reward_low: float = 0.0
    reward_high: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method!r}; it must be one of {', '.join(METHODS)}")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must lie between 0 and 1, as 0.95 does")
        if self.num_resamples < MIN_RESAMPLES:
            raise ValueError(
                f"num_resamples is {self.num_resamples}; it must be at least {MIN_RESAMPLES}, because "
                "percentiles of fewer mean nothing"
            )
        if self.method in ("empirical_bernstein", "clopper_pearson") and self.largest_weight is None:
            raise ValueError(
                f"method {self.method!r} needs largest_weight, the largest weight that could have been "
                "logged (1 over the smallest propensity possible); the largest one seen proves nothing"
            )
        if self.largest_weight is not None and not self.largest_weight >= 1.0:
            raise ValueError(
                f"largest_weight is {self.largest_weight}; weights average 1, so it is at least 1"
            )
        if not self.reward_low < self.reward_high:
            raise ValueError(
                f"reward_low is {self.reward_low} and reward_high {self.reward_high}; low must be below high"
            )

    @property
    def resamples(self) -> int:
        """R, 0 where no resampling is needed."""
        return self.num_resamples if self.method == "bootstrap" else 0
