"""Calls that PyTorch refuses, and its errors."""

from tests import FIXTURES
from tests.rows import Table, run, seen


def row(torch, code):
    names = {
        "x": torch.ones(2, 3), "i": torch.tensor([0, 1]), "b": torch.tensor([True, False, True]), "s": torch.tensor(2.0),
    }  # fmt: skip

    def look():
        run(torch, code, names)
        torch.ones(1).add(1).item()  # errors that depend on data come when a value is read

    return seen(look, warned=False)


CALLS = (FIXTURES / "bad_calls.txt").read_text().splitlines()
TABLE = Table("bad_calls", {code: code for code in CALLS}, row)
