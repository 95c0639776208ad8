"""Layers and losses on the rows of PyTorch's own `module_db`: initial weights, results, gradients and nodes.

The fixture holds some of the rows and PyTorch's results. With PyTorch installed, `-m parity` draws
other rows of the table; `MODULE_DB_ROWS=1000` runs them all.
"""

import importlib
import json
import os

import numpy as np
import pytest

import jtorch
from jtorch.core.engine import policy
from tests import ROOT
from tests.nn import modulerows

EXPECTED = modulerows.load()
MODULES = list(dict.fromkeys(row["module"] for row, _, _ in EXPECTED))
DEVIATIONS = {
    row: reason
    for reason, rows in json.loads((ROOT / "tests/tables/deviations.json").read_text()).items()
    for row in rows
    if row.startswith("module_db: ")
}


@pytest.fixture(autouse=True)
def whole(monkeypatch):
    """Compile the rows of a layer as one program."""
    for limit in ("trusted_steps", "trusted_lines", "trusted_traces", "long_trace"):
        monkeypatch.setattr(policy, limit, 10**9)


@pytest.mark.parametrize("name", MODULES)
def test_a_layer_does_what_pytorchs_does(name):
    mine = [(row, facts, wanted) for row, facts, wanted in EXPECTED if row["module"] == name]
    results = modulerows.run(jtorch, [row for row, _, _ in mine])
    found = {}
    for result, (row, facts, wanted) in zip(results, mine, strict=True):
        if difference := modulerows.different(result, facts, wanted):
            found[modulerows.key(row)] = difference
    known = {row for row in DEVIATIONS if row.split()[1] == name}
    assert not {row: text for row, text in found.items() if row not in known}
    assert found.keys() == known, "comes right now: take it off deviations.json"


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_rows_live(dtype):
    torch = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    make = importlib.import_module("tests.make.modules")  # it imports torch
    count = int(os.environ.get("MODULE_DB_ROWS", "1"))
    bad = {}
    for info in make.module_db[:: 1 if count > 1 or dtype == "float32" else 3]:
        every = [row for training in (True, False) for row in make.rows(info, training, getattr(torch, dtype))]
        for row in [r for r in every[1 :: max(1, len(every) // count)] if modulerows.key(r) not in DEVIATIONS][:count]:
            if text := live_difference(torch, row):
                bad[modulerows.key(row)] = text
    assert not bad


def live_difference(torch, row):
    theirs, mine = modulerows.run(torch, [row])[0], modulerows.run(jtorch, [row])[0]
    wanted = [(str(a.dtype), list(a.shape), modulerows.digest(a).astype("f4")) for a in theirs["arrays"]]
    return modulerows.different(mine, json.loads(json.dumps(theirs["facts"])), wanted)


def test_a_digest_sees_every_element():
    a = np.arange(20.0)
    b = a.copy()
    b[7] += 0.1
    assert not np.allclose(modulerows.digest(a), modulerows.digest(b))
