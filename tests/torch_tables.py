"""PyTorch's own tables of cases (`module_db`, `optim_db`, `op_db`), which its test modules hold."""

import importlib
import sys
import types
import unittest


def module(name):
    """A module of `torch.testing._internal`. These modules import a package that the tables do not need."""
    sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))
    return importlib.import_module(f"torch.testing._internal.{name}")
