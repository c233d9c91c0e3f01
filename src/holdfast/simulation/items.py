"""Items: what they are in truth, and what the log may know of them.

I items, G topics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import generator
from holdfast.simulation.record import joined

SHORTEST_SECONDS = 15.0
LONGEST_SECONDS = 600.0
MEDIAN_SECONDS = 75.0
LOG_SECONDS_SD = 0.8
CLICKBAIT_OF_QUALITY = -0.3
MAIN_TOPIC_SHARE = 0.7
PROXY_NOISE_SD = 0.7
OLDEST_DAYS = 30


@dataclass(frozen=True)
class Items:
    """The truth about I items; none of it is in the log.

    Attributes:
        mix: share of each topic; rows sum to 1, ``[I, G]``.
        quality: how good it is to read, standard normal, ``[I]``.
        clickbait: how much the headline promises beyond that, standard normal, ``[I]``.
        length: log seconds of content, centred on the typical item and in units of its spread, ``[I]``.
    """

    mix: Floats
    quality: Floats
    clickbait: Floats
    length: Floats


@dataclass(frozen=True)
class ObservedItems:
    """What the log knows of I items.

    Attributes:
        topic: the main topic, ``[I]``.
        content_seconds: length, 15 to 600 seconds, ``[I]``.
        content_length: the same as a sensor reports it, ``[I]``.
        birth_day: first day on which it can be shown, ``[I]``.
        editor_score: quality with noise; NaN where no editor looked, ``[I]``.
        headline_score: clickbait with noise, ``[I]``.
    """

    topic: Ints
    content_seconds: Floats
    content_length: Floats
    birth_day: Ints
    editor_score: Floats
    headline_score: Floats


def draw_items(
    *,
    num_items: int,
    num_topics: int,
    first_day: int,
    num_days: int,
    missing_share: float,
    seed: int,
    later_days: int = 0,
) -> tuple[Items, ObservedItems]:
    r"""Draw a catalogue, born evenly over time, in which promise and quality mildly disagree.

    With independent standard normal e and a main topic drawn with probability proportional to 1/sqrt(rank):

    .. math::
        q_i &= e_i, \qquad c_i = -0.3 \, q_i + \sqrt{1 - 0.09} \, e'_i \\
        x_i &= 0.7 \, \mathbb{1}_{main(i)} + 0.3 \, \mathrm{Dirichlet}(0.3) \\
        \log L_i &= \log 75 + 0.8 \, e''_i, \quad L_i \text{ in } [15, 600] \text{ whole tenths of a second}

    Proxies are the truth plus 0.7 of noise.

    Args:
        num_items: items born by the end of the log; they are the first rows.
        num_topics: G.
        first_day: the first day that is simulated; items are born from 30 days before it on.
        num_days: days of the log.
        missing_share: share of items without an editor's score, in [0, 1).
        seed: of the world.
        later_days: days after the log on which further items are born, as many a day as before. They do not
            change what the others are, and more of these days do not change the items of the first of them.

    Returns:
        The truth and what is known, each I rows: ``num_items``, then the later ones by day of birth.
    """
    draw = generator(seed, "items")
    span = num_days - first_day + OLDEST_DAYS
    oldest = first_day - OLDEST_DAYS
    birth_day = oldest + (np.arange(num_items) * span) // num_items
    cohorts = [_cohort(draw, birth_day, num_topics=num_topics, missing_share=missing_share)]
    for day in range(num_days, num_days + later_days):
        # The even spread goes on: how many of a row of items, each num_items / span after the other, are
        # born before this day, and before the next one.
        before, by = (-(-num_items * (each - oldest) // span) for each in (day, day + 1))
        draw = generator(seed, "later items", day)
        same = np.full(by - before, day)
        cohorts.append(_cohort(draw, same, num_topics=num_topics, missing_share=missing_share))
    return joined([each for each, _ in cohorts]), joined([each for _, each in cohorts])


def _cohort(
    draw: np.random.Generator, birth_day: Ints, *, num_topics: int, missing_share: float
) -> tuple[Items, ObservedItems]:
    """Items with these birthdays ``[I]``, in random order; see ``draw_items`` for the equations."""
    num_items = len(birth_day)
    popularity = 1.0 / np.sqrt(np.arange(1, num_topics + 1))
    topic = draw.choice(num_topics, size=num_items, p=popularity / popularity.sum())
    mix = (1.0 - MAIN_TOPIC_SHARE) * draw.dirichlet(np.full(num_topics, 0.3), size=num_items)
    mix[np.arange(num_items), topic] += MAIN_TOPIC_SHARE
    quality = draw.standard_normal(num_items)
    other = draw.standard_normal(num_items)
    clickbait = CLICKBAIT_OF_QUALITY * quality + np.sqrt(1.0 - CLICKBAIT_OF_QUALITY**2) * other
    seconds: Floats = MEDIAN_SECONDS * np.exp(LOG_SECONDS_SD * draw.standard_normal(num_items))
    seconds = np.round(np.clip(seconds, SHORTEST_SECONDS, LONGEST_SECONDS), 1)
    truth = Items(
        mix=mix,
        quality=quality,
        clickbait=clickbait,
        length=np.log(seconds / MEDIAN_SECONDS) / LOG_SECONDS_SD,
    )
    editor: Floats = quality + PROXY_NOISE_SD * draw.standard_normal(num_items)
    observed = ObservedItems(
        topic=topic,
        content_seconds=seconds,
        content_length=seconds,
        # In random order: what came first in the catalogue is not what was born first.
        birth_day=draw.permutation(birth_day),
        editor_score=np.where(draw.random(num_items) < missing_share, np.nan, editor),
        headline_score=clickbait + PROXY_NOISE_SD * draw.standard_normal(num_items),
    )
    return truth, observed
