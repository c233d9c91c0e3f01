from __future__ import annotations

import pandas as pd
import pytest

from holdfast.app.pareto_of_runs import pareto_command, pareto_of_runs
from holdfast.app.run_folder import RunFolder
from holdfast.core.errors import UserError
from holdfast.core.files import write_json

CLICK, DWELL, BACK = "test/click/auc", "test/dwell/xauc", "test/retention/d7/auc"


@pytest.fixture
def make_run(tmp_path):
    def make(name, click, dwell, back=None, *, fingerprint="f00d", loss=0.5):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        folder.config_file.write_text(
            f"name: {name}\nseed: 3\nhorizon_days: 7\nsplit: {{test_days: 4}}\n"
            "fusion: {_target_: holdfast.objectives.fusion.WeightedProduct}\n"
        )
        write_json(folder.manifest_file, {"data_fingerprint": fingerprint})
        values = {CLICK: click, DWELL: dwell, BACK: back, "test/click/log_loss": loss}
        metrics = {
            key: {"value": each, "low": each - 0.01, "high": each + 0.01}
            for key, each in values.items()
            if each is not None
        }
        write_json(folder.metrics_file, metrics)
        folder.mark("evaluate", done=True)
        return str(folder.path)

    return make


def test_which_runs_are_beaten_and_how_much_the_others_cover(make_run):
    runs = [make_run("a", 0.7, 0.6), make_run("b", 0.6, 0.7), make_run("c", 0.59, 0.6)]
    front = pareto_of_runs(runs)
    assert front.metrics == (CLICK, DWELL)
    assert front.table["on_front"].tolist() == [True, True, False]
    assert front.reference == (0.5, 0.5)
    # Two boxes of 0.2 x 0.1 that share one of 0.1 x 0.1.
    assert front.hypervolume == pytest.approx(0.03)


def test_three_metrics_where_all_runs_have_them(make_run):
    runs = [make_run("a", 0.7, 0.6, 0.8), make_run("b", 0.6, 0.7, 0.9)]
    front = pareto_of_runs(runs)
    assert front.metrics == (CLICK, DWELL, BACK)
    assert front.hypervolume == pytest.approx(0.2 * 0.1 * 0.3 + 0.1 * 0.2 * 0.4 - 0.1 * 0.1 * 0.3)


def test_less_can_be_better_and_the_reference_is_then_the_worst(make_run):
    runs = [make_run("a", 0.7, 0.6, loss=0.3), make_run("b", 0.8, 0.7, loss=0.5)]
    front = pareto_of_runs(runs, metrics=[CLICK, "-test/click/log_loss"])
    assert front.table["on_front"].tolist() == [True, True]
    assert front.reference == (0.5, 0.5)
    assert front.hypervolume == pytest.approx(0.2 * 0.2)


def test_the_command_writes_a_page_and_a_table(make_run, tmp_path, capsys):
    runs = [make_run("a", 0.7, 0.6, 0.8), make_run("b", 0.6, 0.7, 0.8), make_run("c", 0.5, 0.5, 0.7)]
    out = tmp_path / "front"
    assert (
        pareto_command([*runs, "--out", str(out), f"--metrics={CLICK},{DWELL}", "--reference=0.4,0.4"]) == 0
    )
    said = capsys.readouterr().out
    assert f"on the front: {runs[0]}, {runs[1]}\n" in said
    assert "hypervolume 0.08 from 0.4, 0.4" in said
    table = pd.read_parquet(out / "pareto.parquet")
    assert table["on_front"].tolist() == [True, True, False]
    page = (out / "pareto.html").read_text()
    assert "2 of 3 runs" in page
    assert "0.69 to 0.71" in page
    assert "<script" not in page
    assert pareto_command([*runs, "--out", str(out)]) == 0  # its own folder is written again


def test_help(capsys):
    assert pareto_command(["--help"]) == 0
    assert "usage: holdfast pareto" in capsys.readouterr().out


def test_bad_input(make_run, tmp_path):
    one, two = make_run("a", 0.7, 0.6), make_run("b", 0.6, 0.7)
    other = make_run("c", 0.6, 0.7, fingerprint="beef")
    (tmp_path / "mine").mkdir()
    for words, said in (
        ([one], "needs at least two different runs"),
        ([one, one], "needs at least two different runs"),
        ([one, str(tmp_path / "mine")], "holds no evaluated run"),
        ([one, other], "differ in the log"),
        ([one, two, "--metrics=test/click/gold,test/click/auc"], "test/click/gold is not in the metrics of"),
        ([one, two, f"--metrics={CLICK}"], "give two or three"),
        ([one, two, "--reference=0.1"], "reference has 1 numbers, and there are 2 metrics"),
        ([one, two, "--reference=low,0"], "give numbers, one a metric"),
        ([one, two, "--fast"], "knows no --fast"),
        ([one, two, "--out"], "--out needs a value"),
        ([one, two, f"--out={tmp_path / 'mine'}"], "exists and holds no front"),
    ):
        with pytest.raises(UserError, match=said):
            pareto_command(words)
