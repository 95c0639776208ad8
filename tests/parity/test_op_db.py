"""Every entry of PyTorch's `op_db` does what PyTorch does, but for the differences that tests/tables/deviations.json lists.

Outside the default run: `pytest -m opinfo` runs all, in about half an hour on one core; with `--long` a tenth of it runs, and the
second gradients of all entries on small samples. The variable OPINFO names single entries:
`OPINFO=add,linalg.svd pytest -m opinfo`.
"""

import importlib
import os

import pytest

from tests.tables.deviations import REASONS

PARTS = 70  # each of about ten entries; PyTorch's table is not read before one of them runs
KNOWN = {row.removeprefix("op_db: ") for row in REASONS if row.startswith("op_db: ")}

SECOND_PARTS = 4

pytestmark = pytest.mark.parity


def entries():
    """(the module that examines, the names of its entries). It imports torch."""
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    examine = importlib.import_module("tests.parity.examine")
    return examine, os.environ["OPINFO"].split(",") if "OPINFO" in os.environ else list(examine.ENTRIES)


@pytest.mark.opinfo
@pytest.mark.parametrize("part", range(PARTS))
def test_entries_do_what_pytorch_does(part):
    examine, names = entries()
    found, known = {}, set()
    for name in names[part::PARTS]:
        for kind in examine.kinds(examine.ENTRIES[name]):
            row = f"{name} {kind}"
            known |= KNOWN & {row}
            if differences := list(filter(None, examine.examine(name, kind))):
                found[row] = differences[0]
    assert not {row: text for row, text in found.items() if row not in known}
    assert found.keys() == known, "comes right now: take it off deviations.json"


@pytest.mark.long
@pytest.mark.parametrize("part", range(SECOND_PARTS))
def test_second_gradients_of_small_samples(part):
    examine, names = entries()
    kind, found = "second gradient", {}
    for name in names[part::SECOND_PARTS]:
        if kind in examine.kinds(examine.ENTRIES[name]) and f"{name} {kind}" not in KNOWN:
            found[name] = list(filter(None, examine.examine(name, kind, count=2, largest=300)))
    assert not {name: differences[0] for name, differences in found.items() if differences}
