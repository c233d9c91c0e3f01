"""What was fitted after training, in words: for the terminal, the report and the bundle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from holdfast.app.calibration.after_training import Calibrated
from holdfast.core.fitted_state import state_of
from holdfast.core.protocols import FittedFusion
from holdfast.models.calibration.fitted_map import FittedMap
from holdfast.models.calibration.output_calibration import HeadMaps

IN_SAMPLE = "in-sample: fitted on this window"


def chosen(calibrated: Calibrated) -> Iterator[str]:
    """What the stage chose, a line for the calibration and one for the fusion."""
    maps = calibrated.calibration
    if maps is not None and maps.heads:
        by = f", by {maps.slice}" if maps.slice else ""
        yield f"calibration{by}: " + "; ".join(f"{head.objective} {map_words(head)}" for head in maps.heads)
    if isinstance(calibrated.fusion, FittedFusion):
        weights = dict(state_of(calibrated.fusion).get("weights") or ())
        told = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
        first = next(iter(calibrated.fusion.notes or ("",)))
        yield f"fusion {type(calibrated.fusion).__name__}: {told}; {first}"


def doubts(calibrated: Calibrated) -> Iterator[str]:
    """What a reader must know before trusting it."""
    for name, why in calibrated.left_out.items():
        yield f"{name} is not calibrated: {why}"
    for head in calibrated.calibration.heads if calibrated.calibration else ():
        days: dict[str, list[str]] = {}
        for day, each in enumerate(head.maps, start=1):
            if each.note:
                days.setdefault(each.note, []).append(str(day))
        for note, which in days.items():
            within = f" within {', '.join(which)} days" if len(head.maps) > 1 else ""
            longer = (
                "; split.validation_gap_days lets returns mature" if head.objective == "retention" else ""
            )
            yield f"{head.objective}{within} is not calibrated: {note} in the validation window{longer}"
    if isinstance(calibrated.fusion, FittedFusion):
        for note in calibrated.fusion.notes or ():
            if note.startswith("INFEASIBLE"):
                yield f"fusion: {note}"


def map_words(head: HeadMaps) -> str:
    """The maps of a head in a few words."""
    if len(head.maps) == 1:
        return _map(head.maps[0])
    kinds = {each.kind for each in head.maps}
    if kinds == {"temperature"}:
        degrees = [math.exp(-each.parameters[0][0]) for each in head.maps]
        return f"temperature {min(degrees):.3g} to {max(degrees):.3g} over {len(degrees)} days"
    return f"{' and '.join(sorted(kinds))} over {len(head.maps)} days"


def _map(fitted: FittedMap) -> str:
    if fitted.kind == "identity":
        return "as it is"
    first = fitted.parameters[0]
    if fitted.kind == "temperature":
        return f"temperature {math.exp(-first[0]):.3g}"
    if fitted.kind == "scale":
        return f"times {math.exp(first[0]):.3g}"
    if fitted.kind == "beta":
        return f"beta(a {first[0]:.3g}, b {first[1]:.3g}, c {first[2]:+.3g})"
    return f"isotonic in {len(fitted.knots) - 1} pieces"


def described(calibrated: Calibrated) -> dict[str, Any]:
    """The same in plain containers: for the report and for whoever reads the bundle."""
    maps = calibrated.calibration
    return {
        "calibration": {
            head.objective: {
                "output": head.output,
                "map": map_words(head),
                "rows": [each.num_rows for each in head.maps],
                "slices": len(head.maps[-1].slices),
                "notes": [each.note for each in head.maps if each.note],
            }
            for head in (maps.heads if maps else ())
        },
        "slice": maps.slice if maps else "",
        "left_out": dict(calibrated.left_out),
        "fusion": {"kind": type(calibrated.fusion).__name__, **state_of(calibrated.fusion)},
    }
