"""Tables of expressions: the result of a row, in a format that can be stored and compared.

A table is a text file: a setup that runs before every row (it defines `leaves`, the tensors to differentiate by), a line
`----`, and one expression a line. A tensor is stored as the chain of its nodes, dtype, shape, strides, whether it is a
view, its values, and the gradients of a fixed function of it. As a script it prints where jtorch differs from PyTorch:

    python -m tests.tables.expressions fft
"""

import sys

from tests import FIXTURES
from tests.rows import Near, Table, as_torch, differences, plain, run, seen

FOLDER = FIXTURES / "tables"


def read(path):
    """(setup, rows, depth): a first line `# depth: n` bounds the chains of nodes, 1 unless it says otherwise; -1 is for
    values alone.

    In a table that begins with `# nodes` no value is read, so no program runs.
    """
    setup, _, rows = path.read_text().partition("----\n")
    first = setup.partition("\n")[0]
    depth = int(first.removeprefix("# depth: ")) if first.startswith("# depth: ") else 1
    return setup, [row for row in rows.split("\n") if row.strip()], depth


def chain(node, depth):
    """A node with its next functions: Mul(AccumulateGrad, -)."""
    if node is None:
        return "-"
    name = type(node).__name__.removesuffix("Backward0")
    if not depth or not node.next_functions:
        return name
    behind = [chain(n, depth - 1) + (f"#{nr}" if nr else "") for n, nr in node.next_functions]
    return f"{name}({', '.join(behind)})"


def written(torch, value, depth, values=True):
    """A result as JSON."""
    fields = ["dtype", "shape", *["value"] * values, *["stride", "is_view"] * (depth >= 0), "requires_grad"]
    return plain(torch, value, fields, lambda t: {"node": chain(t.grad_fn, depth)} if depth >= 0 else {})


def gradients(torch, value, leaves):
    """The gradients of a function of a result's tensors whose cotangents differ from element to element."""
    tensors = [t for t in (value if isinstance(value, tuple | list) else [value]) if isinstance(t, torch.Tensor)]
    tensors = [t for t in tensors if t.requires_grad and t.layout is torch.strided]
    if not tensors or not leaves:
        return None
    total = sum(((t * t.conj()).real / 2 + t.real if t.is_complex() else t * t.detach().cos()).sum() for t in tensors)
    return [g if g is None else written(torch, g, -1) for g in torch.autograd.grad(total, leaves, allow_unused=True)]


def of_table(name):
    """The table in the file of this name."""
    setup, rows, depth = read(FOLDER / f"{name}.txt")

    def look(torch, row):
        value, leaves = run(torch, f"{setup}\n({row}), globals().get('leaves')")
        if setup.startswith("# nodes"):
            return {"result": written(torch, value, depth, values=False)}
        made = {"result": written(torch, value, depth)}
        try:
            made["grads"] = gradients(torch, value, leaves)
        except Exception as error:
            made["grads"] = [type(error).__name__, as_torch(str(error))]
        return made

    def row(torch, code):
        torch.manual_seed(0)
        return seen(lambda: look(torch, code), warned=False)

    return Table(f"tables/{name}", {row: row for row in rows}, row, Near(2e-4, 2e-5))


TABLES = {path.stem: of_table(path.stem) for path in sorted(FOLDER.glob("*.txt"))}


def main(names):
    """Print where jtorch differs from PyTorch, which runs now, on these tables."""
    import torch

    import jtorch

    for table in map(of_table, names):
        failed = 0
        for name, code in table.programs.items():
            found = differences(table.row(jtorch, code), table.row(torch, code), table.near)
            failed += bool(found)
            if found:
                print(name, *found[:4], sep="\n      ", flush=True)
        print(f"{table.name}: {len(table.programs) - failed} of {len(table.programs)}")


if __name__ == "__main__":
    main(sys.argv[1:])
