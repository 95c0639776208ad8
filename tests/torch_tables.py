"""PyTorch's own tables of cases (`module_db`, `optim_db`, `op_db`), which its test modules hold."""

import importlib
import importlib.util
import sys
import types
import unittest


def module(name):
    """A module of `torch.testing._internal`."""
    without_expecttest()
    return importlib.import_module(f"torch.testing._internal.{name}")


def without_expecttest():
    """Lets PyTorch's test modules be imported where expecttest, whose TestCase theirs derives from, is not installed."""
    if "expecttest" not in sys.modules and importlib.util.find_spec("expecttest") is None:
        sys.modules["expecttest"] = types.SimpleNamespace(TestCase=unittest.TestCase)
