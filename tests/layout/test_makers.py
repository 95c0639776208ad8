"""The maker of fixtures: it lists all that it makes, and each fixture has the rows of its table and no others."""

import pytest

from tests import make, rows


def test_everything_that_can_be_made_says_what_it_is():
    assert all(text and text.endswith(".") for text in make.names().values())


@pytest.mark.parametrize("name", [*make.TABLES, *make.EXPRESSIONS])
def test_a_fixture_has_the_rows_of_its_table(name):
    table = make.table(name)
    assert table.name == name
    assert list(table.recorded) == list(table.programs), f"run: {rows.command(name)}"


def test_a_missing_fixture_and_a_missing_row_name_the_command(tmp_path, monkeypatch):
    table = rows.Table("data", {"new": "1"}, lambda torch, code: {})
    assert "run: python -m tests.make data" in table.compare("new", {})[0]
    monkeypatch.setattr(rows, "FIXTURES", tmp_path)
    with pytest.raises(FileNotFoundError, match="run: python -m tests.make data"):
        rows.load("data.json", "data")


def test_numbers_may_differ_where_a_table_allows_it():
    near = rows.Near(1e-4, 0, texts=True)
    assert not rows.differences(
        {"printed": "a 1.00001", "value": [1.0]}, {"printed": "a 1.0", "value": [1.00001]}, near
    )
    assert rows.differences({"value": 1.0}, {"value": 1.1}, near)
    assert rows.differences({"value": 1.0}, {"value": 1.00001}, rows.Near())
    assert rows.differences({"value": 1}, {"value": 1.0}, near)
    assert rows.differences({"printed": "a 1.0"}, {"printed": "b 1.0"}, near)
    assert rows.differences({}, {"raises": ["ValueError", ""]}, near)
