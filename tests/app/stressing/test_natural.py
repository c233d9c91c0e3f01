from holdfast.app.stressing.natural import without_test_rows


def test_held_out_values_without_test_rows_are_named():
    asked = {"market": ["north", "south"], "device": [3]}
    assert without_test_rows(asked, {"market=south": None}) == ["market=north", "device=3"]
    assert without_test_rows(None, {}) == []
