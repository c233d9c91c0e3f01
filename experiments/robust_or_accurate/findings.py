"""What the study's page says in words: every figure, and every 'more' or 'none', comes from the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from agreement import Agreement, agreement, by_seed, line, regret, repeatability, residuals
from contenders import HANDICAPPED, PLAIN, SCHEDULES
from tables import LEVEL, PREDICTED, differences, name_of, others, said

from holdfast.evaluation.over_seeds import mean_over_seeds
from holdfast.evaluation.robustness.rank_stability import rank_stability
from holdfast.evaluation.robustness.ship_score import SCORE_VERSION

RECORDS = {1: "0012-ship-score.md", 2: "0013-monotone-ship-score.md"}
SHIP_SCORES = {
    "no_drift/ship_score": "the standard suite",
    "drift/ship_score": "the drifting world",
    "held_out/ship_score": "the held-out suite",
}
LOSS = "no_drift/part/loss_under_stress"


def answer(table: pd.DataFrame) -> str:
    """The answer to the study's question."""
    return "\n".join(f"- {each}" for each in _answer(table))


def findings(table: pd.DataFrame) -> str:
    """What else it showed."""
    return "\n".join(f"- {each}" for each in _findings(table))


def version_words(table: pd.DataFrame) -> str:
    """Which version of the score the results are of, and whether it is today's."""
    version = int(table["score_version"].iloc[0]) if "score_version" in table else 1
    words = f"Ship scores are of version {version} ([record](../../docs/decisions/{RECORDS[version]}))."
    if version != SCORE_VERSION:
        words += (
            f" **The score's version is {SCORE_VERSION} now: these figures are old, run the study again.**"
        )
    return words


def _answer(table: pd.DataFrame) -> Iterator[str]:
    fair = table[~table["model"].isin(HANDICAPPED)]
    injected = agreement(fair, "no_drift/click_auc", "no_drift/click/stressed_skill")
    drifting = agreement(fair, "no_drift/click_auc", "drift/ship_score")
    earlier = agreement(fair, "validation/click_auc", "drift/ship_score")
    yield (
        f"**Clean click AUC and what comes.** Over the {_num_models(fair)} models that nobody handicapped "
        f"its order agrees with click skill under injected drift at a Kendall's tau of {_tau(injected)}, and "
        f"with the ship score in a world that really drifts at {_tau(drifting)}, {_beside_zero(drifting)}; "
        f"by the AUC of an earlier window {_tau(earlier)}."
    )
    worth = by_seed(table, "drift/ship_score").to_numpy()
    middle = float((worth.max(axis=1) - np.median(worth, axis=1)).mean())
    cost = said(pd.Series(regret(table, "validation/click_auc", "drift/ship_score")), 1)
    yield (
        f"**Choosing by the earlier window's AUC** costs {cost} points of ship score in the drifting "
        f"world to the best model; the median model lies {middle:.1f} below the best."
    )
    yield _robust_training(table)
    yield _best_models(table)


def _robust_training(table: pd.DataFrame) -> str:
    models = others(table, robust=True)
    found = {(model, name): _difference(table, name, model) for model in models for name in SHIP_SCORES}
    above = [key for key, (low, _) in found.items() if low > 0.0]
    below = [key for key, (_, high) in found.items() if high < 0.0]
    chance = (1.0 - LEVEL) * len(found)
    verdict = (
        "did not pay"
        if not above
        else "paid no more often than chance"
        if len(above) <= max(1.0, chance)
        else "paid here and there"
    )
    calmer = [model for model in models if _difference(table, LOSS, model)[1] < 0.0]
    return (
        f"**Robust training as shipped {verdict}**: of its {len(found)} ship scores less plain training's "
        f"{_listed(table, above, 'above 0')} and {_listed(table, below, 'below 0')}; chance gives "
        f"{chance:.1f} beside 0. The loss under stress is lower beyond its interval for {_names(calmer)}."
    )


def _best_models(table: pd.DataFrame) -> str:
    means = table.groupby("model", sort=False)[list(SHIP_SCORES)].mean()
    firsts = [f"{name_of(str(means[name].idxmax()))} in {words}" for name, words in SHIP_SCORES.items()]
    plain = [
        f"{name_of(model)} {_less_plain(table, 'no_drift/ship_score', model)}"
        for model in others(table, robust=False)
        if _difference(table, "no_drift/ship_score", model)[0] > 0.0
    ]
    return (
        f"**The highest ship scores** of all {len(means)} models: {', '.join(firsts)} (handicapped on "
        f"purpose: {_names(HANDICAPPED)}). Above plain training in the standard suite, beyond the interval, "
        f"without any robust training: {', '.join(plain) or 'none'}."
    )


def _findings(table: pd.DataFrame) -> Iterator[str]:
    fair = table[~table["model"].isin(HANDICAPPED)]
    if len(set(table["seed"])) > 1:
        again = [repeatability(fair, name) for name in PREDICTED]
        yield (
            "*How far chance makes the order of good models.* Between two worlds the order of the "
            f"{_num_models(fair)} models agrees with itself at a tau of {min(again):.2f} to {max(again):.2f} "
            "by the columns above. A clean window shares its noise with what is done to that very window."
        )
    lines = {name: line(table, name) for name in ("no_drift/click/stressed_skill", "drift/click/skill")}
    injected, true = lines.values()
    yield (
        "*Injected against true drift.* The line from clean to stressed AUC explains "
        f"{_share(injected.r_squared)} of the variance under the suite (slope {injected.slope:.2f}) and "
        f"{_share(true.r_squared)} in the drifting world (slope {true.slope:.2f}, in probits)."
    )
    left = residuals(table, "drift/click/skill")
    beyond = [
        f"{name_of(model)} {said(left[model], 2, signed=True)}"
        for model in left.columns
        if _excludes_zero(left[model])
    ]
    yield (
        "*Off that line in the drifting world*, in hundredths of AUC: "
        f"{', '.join(beyond) or 'none'}. The line leans on the models that were handicapped."
    )
    worlds = {f"{name}/lift": f"world with {name}" for name in SCHEDULES}
    found = [
        f"{name_of(model)} in the {words} {_less_plain(table, name, model)}"
        for model in others(table, robust=True)
        for name, words in worlds.items()
        if _excludes_zero(pd.Series(differences(table, name, model)))
    ]
    num = len(worlds) * len(others(table, robust=True))
    yield (
        f"*Where.* Of {num} lifts of robust training in worlds with one schedule, less plain training's, "
        f"{len(found)} exclude 0{': ' if found else ''}{', '.join(found)}."
    )
    yield _what_stress_takes(table)
    yield _worst_case(fair)


def _what_stress_takes(table: pd.DataFrame) -> str:
    means = table.groupby("model", sort=False)[LOSS].mean()
    low, high = str(means.idxmin()), str(means.idxmax())
    return (
        f"*What stress takes.* Most from {name_of(high)} ({means[high]:.1f} points), least from "
        f"{name_of(low)} ({means[low]:.1f}); {means[PLAIN]:.1f} from plain training."
    )


def _worst_case(fair: pd.DataFrame) -> str:
    told = []
    for world, words in (("no_drift", "without drift"), ("drift", "in the drifting world")):
        usual = fair.groupby("model", sort=False)[f"{world}/ship_score"].mean()
        for weight in ("0", "0.5"):
            other = fair.groupby("model", sort=False)[f"{world}/ship_score/worst_{weight}"].mean()
            same = rank_stability(list(usual), list(other))
            tau = "undefined" if same.tau is None else f"{same.tau:.2f}"
            stays = "the best stays" if same.winner_stays else "another is best"
            told.append(f"{tau} {words} with {weight} ({stays})")
    return (
        f"*How the worst case counts* (a quarter): tau of the order of the {_num_models(fair)} models to the "
        f"order shown is {', '.join(told)}."
    )


def _difference(table: pd.DataFrame, figure: str, model: str) -> tuple[float, float]:
    """Ends of a model's figure less plain training's; both 0 where one seed has no interval."""
    found = mean_over_seeds(differences(table, figure, model), level=LEVEL)
    return (0.0, 0.0) if np.isnan(found.low) else (found.low, found.high)


def _less_plain(table: pd.DataFrame, figure: str, model: str) -> str:
    return said(pd.Series(differences(table, figure, model)), 1, signed=True)


def _num_models(table: pd.DataFrame) -> int:
    return len(set(table["model"]))


def _excludes_zero(values: pd.Series) -> bool:
    """Whether 0 lies outside the interval of a mean over seeds."""
    found = mean_over_seeds(np.asarray(values, dtype=np.float64), level=LEVEL)
    return bool(found.low > 0.0 or found.high < 0.0)


def _tau(found: Agreement) -> str:
    return f"{found.tau:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _beside_zero(found: Agreement) -> str:
    if found.low > 0.0:
        return "which excludes 0"
    return "which lies below 0" if found.high < 0.0 else "which cannot be told from 0"


def _share(value: float | None) -> str:
    return "nothing" if value is None else f"{100.0 * value:.0f} %"


def _listed(table: pd.DataFrame, keys: Sequence[tuple[str, str]], where: str) -> str:
    if not keys:
        return f"none lies {where}"
    told = [
        f"{name_of(model)} by {SHIP_SCORES[name]} {_less_plain(table, name, model)}" for model, name in keys
    ]
    return f"{len(keys)} {'lies' if len(keys) == 1 else 'lie'} {where} ({', '.join(told)})"


def _names(models: Iterable[str]) -> str:
    return ", ".join(name_of(model) for model in models) or "none"
