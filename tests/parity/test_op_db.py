"""Every entry of PyTorch's `op_db` does what PyTorch does, but for the differences that tests/tables/deviations.json lists.

Outside the default run: `pytest -m opinfo` runs all, in about ten minutes on one core; with `--long` a tenth of it runs. The variable
OPINFO names single entries: `OPINFO=add,linalg.svd pytest -m opinfo`.
"""

import importlib
import os

import pytest

from tests.tables.deviations import REASONS

PARTS = 70  # each of about ten entries; PyTorch's table is not read before one of them runs
KNOWN = {row.removeprefix("op_db: ") for row in REASONS if row.startswith("op_db: ")}

pytestmark = [pytest.mark.opinfo, pytest.mark.parity]


@pytest.mark.parametrize("part", range(PARTS))
def test_entries_do_what_pytorch_does(part):
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    examine = importlib.import_module("tests.parity.examine")  # it imports torch
    names = os.environ["OPINFO"].split(",") if "OPINFO" in os.environ else list(examine.ENTRIES)
    found, known = {}, set()
    for name in names[part::PARTS]:
        for kind in examine.kinds(examine.ENTRIES[name]):
            row = f"{name} {kind}"
            known |= KNOWN & {row}
            if differences := list(filter(None, examine.examine(name, kind))):
                found[row] = differences[0]
    assert not {row: text for row, text in found.items() if row not in known}
    assert found.keys() == known, "comes right now: take it off deviations.json"
