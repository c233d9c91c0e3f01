from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from holdfast.core.errors import UserError
from holdfast.data.encoded import EncodedWindow, load_window


def make_window(num_rows: int = 6) -> EncodedWindow:
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(size=(num_rows, *shape)).astype(np.float32)

    def integers(*shape: int) -> np.ndarray:
        return rng.integers(0, 9, (num_rows, *shape))

    return EncodedWindow(
        name="train",
        objectives=("click", "retention"),
        categorical=integers(3).astype(np.int32),
        numeric=numbers(2),
        lists=(integers(4).astype(np.int32), integers(1).astype(np.int32)),
        content_seconds=np.full(num_rows, np.inf, dtype=np.float32),
        value=numbers(2),
        event=integers(2) > 4,
        known=integers(2) > 4,
        spread=np.ones((num_rows, 2), dtype=np.float32),
        propensity=np.where(integers() > 4, np.nan, 0.5),
        request=integers(),
        user=integers(),
        user_day=integers(),
        day=integers(),
        slot=integers(),
        follow_up_days=integers(),
        recency_days=numbers(),
        active_days_7=numbers(),
        policy=integers(),
        item=integers(),
        policies=("a", "b"),
        propensity_of="slate",
    )


@pytest.mark.parametrize("memory_map", [False, True])
def test_a_saved_window_reads_back_the_same(tmp_path: Path, memory_map: bool):
    window = make_window()
    window.save(tmp_path / "train")
    back = load_window(tmp_path / "train", memory_map=memory_map)
    assert (back.name, back.objectives, len(back)) == ("train", ("click", "retention"), 6)
    assert (back.policies, back.propensity_of) == (("a", "b"), "slate")
    assert isinstance(back.numeric, np.memmap) is memory_map
    for field in fields(window):
        wanted, got = getattr(window, field.name), getattr(back, field.name)
        if field.name in ("name", "objectives", "policies", "propensity_of"):
            continue
        pairs = zip(wanted, got, strict=True) if field.name == "lists" else [(wanted, got)]
        for one, other in pairs:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_a_window_without_lists_and_objectives_in_order(tmp_path: Path):
    window = replace(make_window(), lists=())
    window.save(tmp_path / "train")
    assert load_window(tmp_path / "train").lists == ()
    assert window.index_of("retention") == 1
    with pytest.raises(ValueError, match="tuple"):
        window.index_of("dwell")


def test_a_missing_column_is_named(tmp_path: Path):
    make_window().save(tmp_path / "train")
    (tmp_path / "train" / "slot.npy").unlink()
    with pytest.raises(UserError, match=r"slot\.npy.*prepare the windows again"):
        load_window(tmp_path / "train")


def test_a_column_that_was_cut_off_or_has_another_length_is_refused(tmp_path: Path):
    make_window().save(tmp_path / "train")
    path = tmp_path / "train" / "value.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 3])
    for memory_map in (True, False):
        with pytest.raises(UserError, match="is damaged"):
            load_window(tmp_path / "train", memory_map=memory_map)
    np.save(path, np.zeros((2, 2), dtype=np.float32))
    with pytest.raises(UserError, match="its columns have"):
        load_window(tmp_path / "train")
