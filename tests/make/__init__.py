"""Writes the fixtures, from PyTorch 2.13's results: `python -m tests.make NAME ...`; `--list` prints the names.

A fixture of rows is a `Table` of tests/rows.py, found in TABLES or in tests/printed.py; any other has a module here with a function `make`.
"""

import ast
import importlib
import sys
from pathlib import Path

from tests import FIXTURES, printed

# name -> module:attribute
TABLES = {
    "amp": "tests.public.amp_cases:TABLE",
    "bad_calls": "tests.tables.bad_calls:TABLE",
    "data": "tests.data.loading:TABLE",
    "data_model": "tests.tensor.data_model_cases:TABLE",
    "distributions": "tests.public.distribution_cases:TABLE",
    "index": "tests.tensor.results:INDEX",
    "schedule_snippets": "tests.optim.schedules:TABLE",
    "streams": "tests.streams.stream_cases:TABLE",
    "views": "tests.tensor.results:VIEWS",
    "wrong_settings": "tests.optim.wrong_settings:TABLE",
}
EXPRESSIONS = [f"tables/{path.stem}" for path in sorted((FIXTURES / "tables").glob("*.txt"))]
MODULES = {path.stem: path for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))}


def names():
    """name -> what is made, of everything that can be made."""
    rows = {name: f"fixtures/{name}.json: the rows of {place.partition(':')[0]}." for name, place in TABLES.items()}
    rows |= {
        name: f"fixtures/{name}.json: what the programs of fixtures/{name}_cases.txt print." for name in printed.TABLES
    }
    rows |= {name: f"fixtures/{name}.json: the expressions of fixtures/{name}.txt." for name in EXPRESSIONS}
    return rows | {
        name: ast.get_docstring(ast.parse(path.read_text())).split("\n")[0] for name, path in MODULES.items()
    }


def make(name, *args):
    """Writes one of them."""
    if name in MODULES:
        module = importlib.import_module(f"tests.make.{name}")
        if "torch" in sys.modules:
            pytorch()
        module.make(*args)
    else:
        table(name).make(pytorch())


def table(name):
    """The table of rows of this name."""
    if name in EXPRESSIONS:
        return importlib.import_module("tests.tables.expressions").TABLES[name.removeprefix("tables/")]
    if name in printed.TABLES:
        return printed.TABLES[name]
    module, _, attribute = TABLES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def pytorch():
    """PyTorch, in the version that the fixtures are of, on one thread."""
    import torch
    import torch.utils.checkpoint

    if not torch.__version__.startswith("2.13."):
        raise SystemExit(f"The fixtures are what PyTorch 2.13 answers; this is {torch.__version__}.")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return torch
