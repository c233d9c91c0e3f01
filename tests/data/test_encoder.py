import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.core.features import MISSING_ROW, UNKNOWN_ROW, Feature, ListField
from holdfast.data.encoder import EncodedInputs, Encoder, EncoderSettings, fit_encoder, load_encoder

FEATURES = (
    Feature(name="color", kind="categorical", owner="item"),
    Feature(name="age", kind="numeric", owner="user"),
    Feature(name="item_id", kind="categorical", owner="item", vocabulary="item"),
    Feature(name="price", kind="numeric", owner="item", scale="log"),
    Feature(name="tags", kind="multi_valued", owner="item", max_length=2),
    Feature(name="recent", kind="sequence", owner="user", max_length=2, vocabulary="item"),
)
TRAIN = pd.DataFrame(
    {
        "color": ["red", "red", "blue", None],
        "age": [20.0, np.nan, 40.0, 60.0],
        "item_id": [7, 8, 7, 9],
        "price": [1.0, 10.0, 100.0, 1000.0],
        "tags": [["x", "y"], ["y"], None, []],
        "recent": [[7, 8, 9], [9], None, []],
        "content_seconds": [30.0, np.nan, 0.0, 10.0],
    }
)


@pytest.fixture
def encoder() -> Encoder:
    return fit_encoder(TRAIN, FEATURES, EncoderSettings(min_count=1))


def assert_same(one: EncodedInputs, other: EncodedInputs) -> None:
    pairs = [
        (one.categorical, other.categorical),
        (one.numeric, other.numeric),
        (one.content_seconds, other.content_seconds),
        *zip(one.lists, other.lists, strict=True),
    ]
    for left, right in pairs:
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


def test_the_schema_names_every_input(encoder):
    schema = encoder.schema
    assert schema.categorical == ("color", "item_id")
    assert schema.numeric == ("age", "price", "age__missing")
    assert schema.lists == (
        ListField(name="tags", max_length=2),
        ListField(name="recent", max_length=2, ordered=True, target="item_id"),
    )
    assert schema.vocabulary_of == {"color": "color", "item_id": "item", "tags": "tags", "recent": "item"}
    assert schema.num_rows == {"color": 4, "item": 5, "tags": 4}


def test_the_target_of_a_sequence_is_the_items_own_value_in_its_vocabulary():
    users = Feature(name="favourite", kind="categorical", owner="user", vocabulary="item")
    without = tuple(each for each in FEATURES if each.name != "item_id")
    frame = TRAIN.assign(favourite=TRAIN["item_id"])
    for features, target in (
        ((users, *FEATURES), "item_id"),
        ((users, *without), ""),
        (without, ""),
    ):
        recent = fit_encoder(frame, features, EncoderSettings(min_count=1)).schema.lists[-1]
        assert (recent.name, recent.target) == ("recent", target)


GAPS = Feature(name="gaps", kind="sequence", owner="user", max_length=2, gap_of="recent")


def test_gaps_stay_beside_their_events(tmp_path: Path):
    frame = TRAIN.assign(gaps=[["3", "2", "0"], ["1"], None, []])
    encoder = fit_encoder(frame, (*FEATURES, GAPS), EncoderSettings(min_count=1))
    assert encoder.schema.lists[-1] == ListField(name="gaps", max_length=2, ordered=True, gap_of="recent")
    assert encoder.schema.fields == ("color", "item_id", "tags", "recent")
    recent, gaps = encoder.transform(frame).lists[1:]
    assert ((recent != MISSING_ROW) == (gaps != MISSING_ROW)).all()
    encoder.save(tmp_path / "encoder")
    assert load_encoder(tmp_path / "encoder").schema == encoder.schema


def test_gaps_without_their_events_are_refused():
    frame = TRAIN.assign(gaps=[["3", "2", "0"], ["1"], None, []])
    for gaps in (replace(GAPS, gap_of="visits"), replace(GAPS, max_length=3)):
        with pytest.raises(UserError, match=f"'gaps' holds the gaps of '{gaps.gap_of}'"):
            fit_encoder(frame, (*FEATURES, gaps), EncoderSettings(min_count=1))


def test_an_encoder_saved_before_there_were_gaps_still_loads(encoder, tmp_path: Path):
    encoder.save(tmp_path / "encoder")
    path = tmp_path / "encoder" / "encoder.json"
    record = json.loads(path.read_text())
    for feature in record["features"]:
        del feature["gap_of"]
    path.write_text(json.dumps(record))
    assert load_encoder(tmp_path / "encoder").schema == encoder.schema


def test_encoding_by_hand(encoder):
    inputs = encoder.transform(TRAIN)
    # Items 7 and 9 come three times (column and history together), 8 twice.
    assert inputs.categorical.tolist() == [[2, 2], [2, 4], [3, 2], [MISSING_ROW, 3]]
    tags, recent = inputs.lists
    assert tags.tolist() == [[3, 2], [2, 0], [0, 0], [0, 0]]
    assert recent.tolist() == [[4, 3], [3, 0], [0, 0], [0, 0]]  # the last two of 7, 8, 9
    age = np.array([-20.0, 0.0, 0.0, 20.0]) / np.std([20, 40, 60])
    logs = np.log1p([1.0, 10.0, 100.0, 1000.0])
    wanted = np.stack([age, (logs - logs.mean()) / logs.std(), [0, 1, 0, 0]], axis=1)
    np.testing.assert_allclose(inputs.numeric, wanted, rtol=1e-6, atol=1e-7)
    assert inputs.content_seconds.tolist() == [30.0, np.inf, np.inf, 10.0]


def test_types_and_shapes(encoder):
    for num_rows in (4, 1, 0):
        inputs = encoder.transform(TRAIN.head(num_rows))
        assert len(inputs) == num_rows
        assert (inputs.categorical.dtype, inputs.categorical.shape) == (np.int32, (num_rows, 2))
        assert (inputs.numeric.dtype, inputs.numeric.shape) == (np.float32, (num_rows, 3))
        assert [(each.dtype, each.shape) for each in inputs.lists] == [(np.int32, (num_rows, 2))] * 2
        assert inputs.content_seconds.dtype == np.float32


def test_a_row_is_encoded_the_same_alone_and_among_others(make_log):
    log = make_log()
    encoder = fit_encoder(log.frame[:200], log.card.features, EncoderSettings())
    together = encoder.transform(log.frame)
    for row in (0, 3, 77, 500):
        alone = encoder.transform(log.frame[row : row + 1])
        assert_same(
            alone,
            EncodedInputs(
                together.categorical[row : row + 1],
                together.numeric[row : row + 1],
                tuple(each[row : row + 1] for each in together.lists),
                together.content_seconds[row : row + 1],
            ),
        )


def test_only_the_training_rows_teach(make_log):
    log = make_log()
    train = log.frame[:300]
    encoder = fit_encoder(train, log.card.features, EncoderSettings(min_count=2))
    counts = pd.concat([train["item_id"], train["user_recent"].explode().dropna()]).value_counts()
    assert set(encoder.vocabularies["item"].keys) == set(counts[counts >= 2].index)
    rows = encoder.transform(log.frame).categorical[:, 0]
    frequent = log.frame["item_id"].isin(counts[counts >= 2].index).to_numpy()
    assert (rows[~frequent] == UNKNOWN_ROW).all()
    assert (rows[frequent] > UNKNOWN_ROW).all()


def test_strange_values_never_fail(encoder):
    strange = pd.DataFrame(
        {
            "color": pd.Series([3, "red", None, True], dtype=object),
            "age": pd.Series(["forty", None, 1e308, -np.inf], dtype=object),
            "item_id": pd.Series([7.0, np.nan, np.inf, -1e40]),
            "price": [-5.0, 0.0, np.nan, 1e308],
            "tags": pd.Series([["x", None, "new"], "x", [1, 2], np.array([])], dtype=object),
            "recent": pd.Series([["7"], [None], 7, [1.5, np.inf]], dtype=object),
            "content_seconds": [-1.0, 1e308, np.inf, 5.0],
        }
    )
    inputs = encoder.transform(strange)
    assert inputs.categorical.tolist() == [[1, 2], [2, 0], [0, 0], [1, 1]]
    assert inputs.lists[0].tolist() == [[3, 1], [3, 0], [1, 1], [0, 0]]
    assert np.isfinite(inputs.numeric).all()
    assert np.abs(inputs.numeric).max() == 8.0
    assert inputs.numeric[:, 2].tolist() == [1.0, 1.0, 0.0, 1.0]
    assert inputs.content_seconds.tolist() == [np.inf, np.inf, np.inf, 5.0]


def test_every_field_may_be_missing_at_once(encoder):
    nothing = pd.DataFrame({feature.name: pd.Series([None, None], dtype=object) for feature in FEATURES})
    inputs = encoder.transform(nothing)
    assert (inputs.categorical == MISSING_ROW).all()
    assert all((each == MISSING_ROW).all() for each in inputs.lists)
    assert inputs.numeric.tolist() == [[0.0, 0.0, 1.0]] * 2
    assert np.isinf(inputs.content_seconds).all()


def test_a_missing_column_is_named(encoder):
    with pytest.raises(UserError, match=r"no column for the features \['color', 'recent'\]"):
        encoder.transform(TRAIN.drop(columns=["color", "recent"]))
    with pytest.raises(UserError, match=r"no column for the features \['price'\]"):
        fit_encoder(TRAIN.drop(columns="price"), FEATURES, EncoderSettings())


def test_timestamps_are_no_features():
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-01-01"]), "for": pd.to_timedelta([1], unit="s")})
    for name in frame:
        for kind in ("numeric", "categorical"):
            with pytest.raises(UserError, match=rf"\['{name}'\] are timestamps"):
                fit_encoder(frame, [Feature(name=name, kind=kind, owner="item")], EncoderSettings())


def test_lists_where_one_value_belongs_are_named():
    feature = Feature(name="tags", kind="categorical", owner="item")
    with pytest.raises(UserError, match=r"\['tags'\] cannot be told apart"):
        fit_encoder(TRAIN, [feature], EncoderSettings())
    encoder = fit_encoder(pd.DataFrame({"tags": ["x", "y"]}), [feature], EncoderSettings())
    with pytest.raises(UserError, match=r"\['tags'\] cannot be told apart"):
        encoder.transform(TRAIN)


def test_no_features_are_refused():
    with pytest.raises(UserError, match="no features"):
        fit_encoder(TRAIN, [], EncoderSettings())


@pytest.mark.parametrize("text_ids", [False, True])
def test_a_saved_encoder_is_the_same_encoder(make_log, tmp_path: Path, text_ids: bool):
    log = make_log(text_ids=text_ids)
    settings = EncoderSettings(min_count=3, max_vocabulary=20, clip=1.5)
    features = (
        *log.card.features,
        Feature(name="slot", kind="numeric", owner="context"),
        Feature(name="policy", kind="categorical", owner="context", vocabulary="a/b ±"),
    )
    encoder = fit_encoder(log.frame, features, settings)
    encoder.save(tmp_path / "encoder")
    back = load_encoder(tmp_path / "encoder")
    assert (back.features, back.settings, back.scaling) == (features, settings, encoder.scaling)
    assert back.schema == encoder.schema
    for name, vocabulary in encoder.vocabularies.items():
        assert back.vocabularies[name].keys.dtype == vocabulary.keys.dtype
        np.testing.assert_array_equal(back.vocabularies[name].keys, vocabulary.keys)
    assert_same(back.transform(log.frame), encoder.transform(log.frame))


def test_saving_twice_writes_the_same_bytes(make_log, tmp_path: Path):
    log = make_log()
    for name in ("one", "two"):
        fit_encoder(log.frame, log.card.features, EncoderSettings()).save(tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 5
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_incomplete_encoder_is_refused(encoder, tmp_path: Path):
    encoder.save(tmp_path / "whole")

    def broken(change) -> None:
        folder = tmp_path / "broken"
        shutil.copytree(tmp_path / "whole", folder)
        change(folder)
        with pytest.raises(UserError, match="broken does not hold a complete encoder"):
            load_encoder(folder)
        shutil.rmtree(folder)

    def with_record(**values):
        def change(folder: Path) -> None:
            record = json.loads((folder / "encoder.json").read_text())
            (folder / "encoder.json").write_text(json.dumps({**record, **values}))

        return change

    broken(lambda folder: (folder / "encoder.json").unlink())
    broken(lambda folder: (folder / "vocabulary_001.parquet").unlink())
    broken(lambda folder: (folder / "vocabulary_001.parquet").write_bytes(b"PAR1"))
    broken(lambda folder: (folder / "encoder.json").write_text("{"))
    broken(with_record(settings={"min_count": 0}))
    broken(with_record(settings={"colour": 1}))


def test_features_may_be_fewer_than_the_columns(encoder):
    more = TRAIN.assign(other=1)[::-1]
    assert_same(encoder.transform(more[TRAIN.columns]), encoder.transform(more))
    fewer = replace(encoder, features=FEATURES[:1])
    assert fewer.transform(TRAIN).numeric.shape == (4, 0)


@pytest.mark.parametrize(("name", "value"), [("min_count", 0), ("max_vocabulary", 0), ("clip", 0.0)])
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"encoder.{name} is {value}"):
        EncoderSettings(**{name: value})
