"""What a number under stress was measured by: two numbers compare only if it is the same for both."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.app.stressing.evidence import Evidence
from holdfast.app.stressing.reference import PSEUDO_COUNT, REFERENCE_VERSION
from holdfast.app.stressing.scene import Scene
from holdfast.data.encoded import EncodedWindow
from holdfast.drift.world_drift import WorldDrift
from holdfast.evaluation.robustness.ship_score import SCORE_VERSION

MOST_WORDS = 60


@dataclass(frozen=True)
class Yardstick:
    """Everything but the model that decides the numbers of a suite.

    Attributes:
        parts: plain containers by name, for people to read.
    """

    parts: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """A short hash of the parts."""
        text = json.dumps(self.parts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def yardstick_of(
    evidence: Evidence, scene: Scene, *, data: str, windows: Mapping[str, Mapping[str, Any]]
) -> Yardstick:
    """Of a suite that was climbed.

    How many users were resampled, and for which level, is not part of it: that moves ends of intervals, and
    not the values.

    Args:
        evidence: of the suite.
        scene: that it was played in.
        data: fingerprint of the log.
        windows: bounds of the train window, which the reference is fitted on, and of the judged one.
    """
    suite = evidence.results.suite
    ladders = suite.ladders
    parts = {
        "score_version": SCORE_VERSION,
        "suite": suite.settings.name,
        "held_out": suite.settings.held_out,
        "ladders": {name: _settings_of(drift) for name, drift in ladders.items()},
        "severities": [int(each) for each in suite.settings.severities],
        "seeds": [int(each) for each in suite.settings.seeds],
        "worlds_run_again_for": [name for name, each in ladders.items() if isinstance(each, WorldDrift)],
        "data": data,
        "windows": {name: dict(bounds) for name, bounds in windows.items()},
        "return_within_days": int(scene.horizon),
        "horizon_days": int(scene.horizon_days),
        "cutoff": int(scene.cutoff),
        "dwell_over": str(scene.population),
        "reference": {
            "version": REFERENCE_VERSION,
            "pseudo_rows": PSEUDO_COUNT,
            "fusion": _settings_of(scene.reference_fusion),
        },
        "judged_outputs": dict(evidence.quality_of),
        "scored_outputs": list(evidence.outputs),
    }
    # As a file gives it back, so that what is compared is what was written.
    plain: dict[str, Any] = json.loads(json.dumps(parts))
    return Yardstick(plain)


def fingerprint_of_windows(windows: Mapping[str, EncodedWindow]) -> str:
    """Of who saw what, when, and what came of it, where there is no log to ask."""
    digest = hashlib.blake2b(digest_size=16)
    for name, window in sorted(windows.items()):
        digest.update(name.encode())
        for each in (window.request, window.user, window.item, window.day, window.value, window.event):
            digest.update(np.ascontiguousarray(each).tobytes())
        digest.update(np.ascontiguousarray(window.known).tobytes())
    return digest.hexdigest()


def differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The parts in which two yardsticks differ, each with both values, in words."""
    for key in dict.fromkeys([*one, *other]):
        first, second = one.get(key), other.get(key)
        if first == second:
            continue
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            yield from differences(first, second, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} ({_words(first)} against {_words(second)})"


def _settings_of(component: object) -> str:
    """Its class and settings; the class alone where it tells no settings, never a place in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(component))


def _words(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MOST_WORDS else f"{text[: MOST_WORDS - 3]}..."
