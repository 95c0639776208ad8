"""The tables of programs about views and indexing: all attributes of their variables p (a leaf), x, y, z and r."""

from tests.rows import Near, Table, everything, run, seen
from tests.tensor import index_cases, view_cases

RESULTS = "\n{name: globals()[name] for name in ('p', 'x', 'y', 'z', 'r') if name in globals()}"


def row(torch, program):
    def look():
        return {name: everything(torch, value) for name, value in run(torch, program + RESULTS).items()}

    return seen(look, warned=False)


VIEWS = Table("views", view_cases.programs(), row, Near(1e-4, 1e-4))
INDEX = Table("index", index_cases.programs(), row, Near(1e-4, 1e-4))
