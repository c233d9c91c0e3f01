"""What every contender gets, the same for all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Study:
    """The budget.

    Attributes:
        words: of the configuration, for all contenders.
        rates: times the default learning rates of dense weights and embeddings: the search space.
        tuning_seed: of the world and the weights by which the rate is chosen; reported nowhere.
        same_rate: the one rate of the check, in which all contenders have the same.
        seeds: of the worlds and weights that are reported.
        num_resamples: of users, for intervals within worlds.
        level: of all intervals.
    """

    words: tuple[str, ...] = (
        "data=world",
        "data.num_users=1400",
        "split.train_days=14",
        "history.recent_items=5",
        "trainer.max_epochs=4",
        "trainer.batch_size=1024",
        "trainer.patience=2",
        "trainer.criterion=validation/loss",
    )
    rates: tuple[float, ...] = (0.5, 1.0, 2.0)
    tuning_seed: int = 100
    same_rate: float = 1.0
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    num_resamples: int = 100
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.tuning_seed in self.seeds:
            raise ValueError(f"tuning_seed is {self.tuning_seed}, which is reported too: {self.seeds}")


QUICK = Study(
    words=(
        "data=world",
        "data.num_users=100",
        "data.num_items=100",
        "data.num_days=19",
        "split.train_days=8",
        "split.validation_days=1",
        "split.test_days=2",
        "history.recent_items=3",
        "trainer.max_epochs=1",
        "trainer.batch_size=512",
    ),
    rates=(1.0, 2.0),
    seeds=(0, 1),
    num_resamples=20,
)
"""Minutes to seconds: shows that everything runs, and nothing else."""
