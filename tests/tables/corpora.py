"""Runs the rows of fixtures/facts/*.json: what a piece of code does, in the format of its table.

Every function takes the library to test, so PyTorch can be tested in the same way. As a script, it prints which part of
each table passes and the rows that fail:  python -m tests.tables.corpora [--torch] [table ...]
"""

import contextlib
import hashlib
import json
import math
import os
import re
import sys
import tempfile
import warnings
from collections import OrderedDict

import numpy as np

from tests import FIXTURES

FACTS = FIXTURES / "facts"
TABLES = "repr_cases module_repr_cases gradfn views error_cases warning_cases rng_vectors".split()
READ = {name: json.loads((FACTS / f"{name}.json").read_text()) for name in TABLES}


def cases():
    """(table, row) of every case there is."""
    return [(name, row) for name in TABLES for row in READ[name]["cases"]]


def key(name, row):
    """The name of a row in deviations.json and in the reports."""
    code = row.get("expr") or row["code"]
    extra = row.get("printoptions", row.get("seed"))
    return f"{name}: {code}" + ("" if extra is None else f" [{extra}]")


def difference(torch, name, row):
    """What the code does in place of what the row says; None if it agrees."""
    with fresh(torch):
        space = {
            "__name__": "__main__",
            "torch": torch,
            "nn": torch.nn,
            "F": torch.nn.functional,
            "np": np,
            "math": math,
        }
        data = torch.utils.data
        space |= {"OrderedDict": OrderedDict} | {name: getattr(data, name) for name in dir(data) if name[0].isupper()}
        space["random_split"] = data.random_split
        return globals()["_" + name](torch, space, row)


@contextlib.contextmanager
def fresh(torch):
    """Run in a scratch directory without warnings; afterwards restore the settings that a row may change."""
    here = os.getcwd()
    always = getattr(torch, "set_warn_always", bool)
    getattr(torch.storage, "_set_always_warn_typed_storage_removal", bool)(True)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings(), open(os.devnull, "w") as void:
        warnings.simplefilter("ignore")
        os.chdir(scratch)
        torch.manual_seed(0)
        always(True)
        try:
            with contextlib.redirect_stdout(void):
                yield
        finally:
            os.chdir(here)
            always(False)
            torch.set_grad_enabled(True)
            torch.set_printoptions(profile="default")
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)
            torch.use_deterministic_algorithms(False)


def seen(look):
    """What `look()` returns, or its error as text."""
    try:
        return look()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def as_torch(text):
    """The text with jtorch's own name as PyTorch's."""
    return text.replace("jtorch", "torch")


def of_module(code, torch):
    """The code with its imports from the library under test."""
    return code.replace("from torch", f"from {torch.__name__}")


def compared(got, want):
    return None if got == want else f"got {got!r}, want {want!r}"


def _repr_cases(torch, space, row):
    torch.set_printoptions(**row.get("printoptions", {}))

    def look():
        value = eval(row["expr"], space)
        return {k: as_torch(v) for k, v in {"repr": repr(value), "str": str(value)}.items() if k in row}

    return compared(seen(look), {k: row[k] for k in ("repr", "str") if k in row})


def _module_repr_cases(torch, space, row):
    exec(READ["module_repr_cases"]["prelude"], space)
    return compared(seen(lambda: repr(eval(row["expr"], space))), row["repr"])


def _gradfn(torch, space, row):
    exec(READ["gradfn"]["setup"], space)

    def look():
        value = eval(row["expr"], space)
        value = value[0] if isinstance(value, tuple | list) else value
        node = value.grad_fn
        before = None if node is None else node.next_functions
        named = None if before is None else [[None if f is None else type(f).__name__, i] for f, i in before]
        return {"grad_fn": None if node is None else type(node).__name__, "next_functions": named,
                "requires_grad": value.requires_grad, "is_leaf": value.is_leaf, "is_view": value._is_view()}  # fmt: skip

    return compared(seen(look), {k: v for k, v in row.items() if k != "expr"})


def _views(torch, space, row):
    exec(READ["views"]["setup"], space)
    x = space["x"]
    version = x._version

    def look():
        value = eval(row["expr"], space)
        bump = x._version - version
        if not isinstance(value, torch.Tensor):
            made = {"type": type(value).__name__}
            if "shares_storage" in row:
                made["shares_storage"] = np.shares_memory(value, x.numpy())
            return made
        source = space["z"] if re.search(r"\bz\b", row["expr"]) else x
        made = {
            "same_object": value is source,
            "shares_storage": value.untyped_storage().data_ptr() == source.untyped_storage().data_ptr(),
            "is_view": value._is_view(), "x_version_bump": bump, "stride": list(value.stride()),
            "shape": list(value.shape), "contiguous": value.is_contiguous(),
        }  # fmt: skip
        if "inplace_error" in row:
            made["inplace_error"] = seen(lambda: value.add_(1)).removeprefix("RuntimeError: ")[
                : len(row["inplace_error"])
            ]
        if row["version_shared"] is not None:
            before = source._version
            seen(value.zero_)  # a leaf that requires grad raises
            made["version_shared"] = source._version != before
        return made

    return compared(seen(look), {k: v for k, v in row.items() if k != "expr" and v is not None})


def _error_cases(torch, space, row):
    try:
        exec(of_module(row["code"], torch), space)
        torch.ones(1).add(1).item()  # errors that depend on data come when a value is read
    except Exception as error:
        got = type(error)
        text = str(error).partition("\nException raised")[0]
        found = [got.__name__, as_torch(got.__module__), [b.__name__ for b in got.__mro__[1:-2]], as_torch(text)]
        want = [row["type"], row["module"], row["bases"], row["message"]]
        if row.get("volatile"):
            found, want = found[:3], want[:3]
        return compared(found, want)
    return f"no error, want {row['type']}: {row['message']}"


def _warning_cases(torch, space, row):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        failed = seen(lambda: exec(of_module(row["code"], torch), space))
    texts = [(w.category.__name__, str(w.message).partition(" (Triggered internally at")[0]) for w in given]
    want = [(kind, text.partition(" (Triggered internally at")[0]) for kind, text in row["warnings"]]
    if inside := [w.filename for w in given if "/jtorch/core/" in w.filename or w.filename.startswith("<op ")]:
        return f"names {inside[0]} in place of the user's file"
    return compared(failed or list(dict.fromkeys(texts)), want)  # the table has each text of a loop once


# Rows that agree to a relative and an absolute bound, and not bit for bit. gumbel_softmax takes log and exp, and NumPy's are right
# to 4 and 3 units in the last place on CPUs without AVX-512.
WITHIN = {"gumbel_softmax": (1e-6, 0), "orthogonal_": (0, 1.2e-6)}


def _rng_vectors(torch, space, row):
    def states(module):
        values = [v.reshape(-1).float() for v in module.state_dict().values()]
        return torch.cat(values)

    space["SD"] = states
    space["DL"] = lambda loader, n: torch.tensor([int(i) for _ in range(n) for batch in loader for i in batch])
    torch.manual_seed(row["seed"])
    within = next((bound for name, bound in WITHIN.items() if name in row["expr"]), None)

    def look():
        value = eval(row["expr"], space)
        after = torch.rand(1).numpy().tobytes().hex()
        data = np.ascontiguousarray(bits(torch, value.detach())).tobytes()
        made = {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "next_rand_hex": after}
        if within is None:
            made["sha256"] = hashlib.sha256(data).hexdigest()
        else:
            want = np.frombuffer(bytes.fromhex(row["hex"]), np.float32)
            made["within"] = np.allclose(np.frombuffer(data, np.float32), want, *within)
        if "stride" in row:
            made["stride"] = list(value.stride())
        return made

    fields = ["dtype", "shape", "next_rand_hex", "stride", "sha256" if within is None else "within"]
    row = row | {"within": True}
    return compared(seen(look), {k: row[k] for k in fields if k in row})


def bits(torch, value):
    """A tensor as a NumPy array of the same bytes."""
    return value.view(torch.int16).numpy() if value.dtype is torch.bfloat16 else value.numpy()


def report(torch, names):
    for name in names or TABLES:
        rows = READ[name]["cases"]
        failed = {key(name, row): d for row in rows if (d := difference(torch, name, row))}
        print(f"{name}: {len(rows) - len(failed)} of {len(rows)}", flush=True)
        for row, text in failed.items():
            print(f"    {row}\n        {text}", flush=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    report(__import__("torch" if "--torch" in words else "jtorch"), [w for w in words if w != "--torch"])
