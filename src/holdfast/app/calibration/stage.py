"""The stage calibrate: fit what is fitted on the validation window, once the model is trained."""

from __future__ import annotations

import shutil

from holdfast.app.calibration import sayings
from holdfast.app.calibration.after_training import fit_after_training, fits_after_training, save_calibrated
from holdfast.app.run import Run
from holdfast.core.files import write_json


def calibrate(run: Run, *, resume: bool) -> None:
    """Make predictions mean what they say, and learn how they become one score; on validation alone."""
    if not fits_after_training(run.plan):
        # What earlier settings left would be told of in the report.
        shutil.rmtree(run.folder.calibrated, ignore_errors=True)
        run.console.say("calibrate", "nothing to fit: calibration=none, and the fusion has its weights")
        return
    prepared = run.prepared
    with run.console.working("calibrate", "fitting on the validation window"):
        calibrated = fit_after_training(
            run.plan,
            run.uncalibrated_ranker(),
            prepared.window("train", memory_map=True),
            prepared.window("validation"),
            prepared.encoder(),
        )
        save_calibrated(run.folder.calibrated, run.plan, calibrated)
    write_json(run.folder.calibrated / "summary.json", sayings.described(calibrated))
    for line in sayings.chosen(calibrated):
        run.console.say("calibrate", line)
    for warning in sayings.doubts(calibrated):
        run.console.warn("calibrate", warning)
