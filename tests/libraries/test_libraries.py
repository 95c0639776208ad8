"""Each library's typical use prints under jtorch what it prints under PyTorch."""

import pytest

from tests.libraries import FOLDER, PAGE, PROGRAMS, missing, outcome, page, recorded


@pytest.mark.libraries
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_library_does_under_jtorch_what_it_does_under_pytorch(name):
    if absent := missing(name):
        pytest.skip(f"not installed: {', '.join(absent)}")
    assert outcome(name, recorded()[name]["printed"]) == ""


def test_each_program_is_in_the_table_and_the_page_is_what_was_found():
    assert {path.stem.removeprefix("use_") for path in FOLDER.glob("*.py")} == {*PROGRAMS} == {*recorded()}
    assert page() == PAGE.read_text(), "run: python -m tests.make libraries"
