"""fixtures/libraries.json: what programs of libraries print under PyTorch, and docs/libraries.md: whether jtorch prints it.

python -m tests.make libraries [PROGRAM ...]

Needs the libraries: `pip install -e ".[libraries,parity]"`. Without names all programs are run; it takes half an hour.
"""

import importlib.metadata
import json

from jtorch.cli.port.comparing import NUMBER
from tests.libraries import FILE, PAGE, PROGRAMS, missing, outcome, page, printed, recorded


def row(name):
    code, text, errors = printed(name, "torch")
    if code:
        raise SystemExit(f"use_{name}.py fails under PyTorch: {errors.strip().splitlines()[-1]}")
    wrong = outcome(name, text)
    print(f"{name}: {wrong or 'equal'}")
    return {
        "version": importlib.metadata.version(PROGRAMS[name][0]),
        "numbers": len(NUMBER.findall(text)),
        "wrong": wrong,
        "printed": text,
    }


def make(*wanted):
    rows = recorded()
    for name in wanted or PROGRAMS:
        if absent := missing(name):
            raise SystemExit(f"use_{name}.py needs {', '.join(absent)}: pip install -e '.[libraries,parity]'")
        rows[name] = row(name)
        lines = [f"{json.dumps(name)}: {json.dumps(rows[name])}" for name in PROGRAMS if name in rows]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        PAGE.write_text(page())
