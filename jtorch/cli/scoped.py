"""`import torch` means jtorch for the modules of some libraries, and what it always meant for all others.

Python looks up `__import__` among the built-in names of the module that imports. So the modules of these libraries get
built-in names of their own, with an `__import__` that knows jtorch. Nothing that other modules see changes.
"""

from __future__ import annotations

import builtins
import contextlib
import sys
from collections import ChainMap
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from types import ModuleType

from jtorch.cli.hook import ours, theirs, turn_off
from jtorch.cli.missing import explained


@contextlib.contextmanager
def scope(*libraries: str):
    """Within the block, import `libraries` so that `import torch` and `import torchvision` mean jtorch in their modules.

    It stays so for these libraries after the block: also where one of their functions imports later. For all other modules
    and processes, `import torch` means again what it meant before `import jtorch.as_torch`; so PyTorch itself may be imported
    from now on. The classes keep jtorch's names. What a library asks of `importlib` about torch (`find_spec`,
    `metadata.version`) is not answered by jtorch.

    Raises:
        ImportError: one of the libraries is already imported, or torch is.

    Example:
        >>> with jtorch.as_torch.scope("einops"):
        ...     import einops  # doctest: +SKIP
    """
    for name in libraries:
        if name in sys.modules:
            raise ImportError(f"{name} is already imported: import it inside `with jtorch.as_torch.scope({name!r})`")
    turn_off()
    finder = _ScopedFinder(libraries)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        finder.libraries = tuple(name for name in libraries if name in sys.modules)
        if not finder.libraries:
            sys.meta_path.remove(finder)


class _ScopedFinder:
    def __init__(self, libraries):
        self.libraries = libraries
        self.asking = False

    def find_spec(self, name, path=None, target=None):
        if self.asking or name.partition(".")[0] not in self.libraries:
            return None
        self.asking = True
        try:
            spec = PathFinder.find_spec(name, path) or find_spec(name)
        finally:
            self.asking = False
        if spec is not None and spec.loader is not None:
            _prepare(spec.loader)
        return spec


def _prepare(loader):
    """Give each module that is loaded built-in names of its own before its code runs."""
    run = loader.exec_module

    def exec_module(module):
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import_in_scope}
        run(module)

    loader.exec_module = exec_module


def _import_in_scope(name, globals=None, locals=None, fromlist=(), level=0):
    """`__import__` for which `torch` is jtorch and `sys.modules` has it."""
    path = None if level else ours(name)
    if path is None:
        found = builtins.__import__(name, globals, locals, fromlist, level)
        return _Sys("sys") if found is sys else found
    try:
        import_module(path)
        if fromlist:
            return builtins.__import__(path, globals, locals, fromlist, 0)
    except ModuleNotFoundError as error:
        missing = theirs(error.name or "")
        if missing is None:
            raise
        raise ModuleNotFoundError(explained(f"No module named {missing!r}", missing), name=missing) from None
    return sys.modules[ours(name.partition(".")[0])]


class _Sys(ModuleType):
    """The module `sys`, but for its `modules`: libraries look there for torch."""

    def __getattribute__(self, name):
        return _modules() if name == "modules" else getattr(sys, name)

    def __setattr__(self, name, value):
        setattr(sys, name, value)


def _modules():
    return ChainMap({name: module for path, module in list(sys.modules.items()) if (name := theirs(path))}, sys.modules)
