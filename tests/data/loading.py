"""Pieces of code over torch.utils.data, run the same way under PyTorch and under jtorch.

`outcome(torch, code)` gives what the two must have in common: the value of the last line, what was raised and
warned of, and where the random streams stand afterwards.
"""

import ast
import random
import re
import sys
import types
import warnings

import numpy as np

from tests import FIXTURES

PRELUDE, *SNIPPETS = (FIXTURES / "data_snippets.txt").read_text().strip().split("\n\n")


IGNORED = "worker processes in total"  # depends on the machine; tested apart


def plain(torch, value):
    """A result as JSON can hold it: [kind, ...] for whatever is no plain number or text."""
    if isinstance(value, torch.Tensor):
        return ["tensor", str(value.dtype).split(".")[-1], value.detach().tolist()]
    if isinstance(value, np.generic):
        return [f"np.{value.dtype}", value.item()]
    if isinstance(value, np.ndarray):
        return ["array", value.tolist()]
    if isinstance(value, dict):
        return [type(value).__name__, *([key, plain(torch, v)] for key, v in value.items())]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)) or hasattr(value, "__len__"):
        return [type(value).__name__, *(plain(torch, v) for v in value)]
    return type(value).__name__


def message_of(error):
    """Its text without what differs from run to run; of a worker's traceback the first and the last line."""
    text = re.sub(
        r"without an implementation for( abstract methods?) '(\w+)'", r"with\1 \2", str(error).strip()
    )  # Python 3.12
    if "\nOriginal Traceback" in text:
        lines = text.split("\n")
        text = f"{lines[0]}\n{lines[1]}\n...\n{lines[-1].split('.')[-1]}"
    return re.sub(r"pid\(s\) \d+", "pid(s) N", re.sub(r"0x[0-9a-f]+", "0x", text))


def run(torch, code):
    # a module that no other process can import, as a script's own code
    module = sys.modules["snippet"] = types.ModuleType("snippet")
    names = vars(module)
    names["torch"] = torch
    source = PRELUDE + "\n" + code
    body = ast.parse(source.replace("from torch.", f"from {torch.__name__}.")).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "snippet", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "snippet", "eval"), names)


def outcome(torch, code):
    """The value; what was raised [type, message] and warned of; the random numbers that come next."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    value = raised = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message=".*non-writable|.*not writable")
        try:
            value = plain(torch, run(torch, code))
        except Exception as error:
            raised = [type(error).__name__, message_of(error)]
    return {
        "value": value,
        "raises": raised,
        "warnings": [[w.category.__name__, str(w.message)] for w in caught if IGNORED not in str(w.message)],
        "next": [torch.rand(1).item(), random.random(), float(np.random.rand())],
    }
