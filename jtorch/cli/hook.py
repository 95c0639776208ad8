"""`import torch` and `import torchvision` mean jtorch: a finder for `sys.meta_path`.

`torch.nn` is then the same module object as `jtorch.nn`. Modules, classes and functions say `torch` in their names, as
programs print and pickle them. Nothing of jtorch is imported here: a process that is only prepared for `import torch` starts
as quickly as any other.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

from jtorch.cli.missing import attribute_error, explain_attributes, explained

HERE = os.path.dirname(os.path.abspath(__file__))
STARTUP = os.path.join(HERE, "startup")  # its sitecustomize.py turns the hook on in a new process
PACKAGE = os.path.dirname(HERE)
PATHS = {"torch": "jtorch", "torchvision": "jtorch.vision"}
BESIDE = ("functorch",)  # a package that PyTorch's distribution installs beside torch
# What jtorch has and PyTorch does not: it keeps its names.
OWN = tuple(f"jtorch.{name}" for name in ("core", "cli", "as_torch", "flax", "__main__", "optim._functional"))


def turn_on() -> None:
    """Let `import torch` mean jtorch from now on, here and in the processes that this one starts.

    Raises:
        ImportError: PyTorch itself is already imported.
    """
    for name in PATHS:
        module = sys.modules.get(name)
        if module is not None and not _is_ours(module):
            raise ImportError(
                f"{name} is already imported from {getattr(module, '__file__', None)}: import jtorch.as_torch before it, "
                "or start the program with `jtorch run`"
            )
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    os.environ.update(environment())


def turn_off() -> None:
    """Take `turn_on` back.

    Raises:
        ImportError: `import torch` has already meant jtorch in this process.
    """
    if _is_ours(sys.modules.get("torch")):
        raise ImportError("torch is already imported as jtorch, for all modules")
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    os.environ.update(environment(False))


def environment(on: bool = True) -> dict[str, str]:
    """The variables of this process, with the PYTHONPATH by which a new Python turns the hook on, or without it."""
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder and folder != STARTUP]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([STARTUP, *folders] if on else folders)}


def ours(name: str) -> str | None:
    """jtorch's module for one of PyTorch's, whether there is one or not; None for other modules."""
    root, dot, rest = name.partition(".")
    return f"{PATHS[root]}{dot}{rest}" if root in PATHS else None


def theirs(path: str) -> str | None:
    """PyTorch's name for a module of jtorch; None if PyTorch has no such module."""
    if _is_own(path) or path.partition(".")[0] != "jtorch":
        return None
    if f"{path}.".startswith("jtorch.vision."):
        return "torchvision" + path.removeprefix("jtorch.vision")
    return "torch" + path.removeprefix("jtorch")


def _is_own(path):
    return any(f"{path}.".startswith(f"{own}.") for own in OWN)


def _is_ours(module):
    return os.path.abspath(getattr(module, "__file__", None) or "").startswith(PACKAGE + os.sep)


class Finder:
    """Finds PyTorch's modules in jtorch, and the versions of `torch` and `torchvision`."""

    def find_spec(self, name, path=None, target=None):
        """The spec of `torch.x` for jtorch's module x; that of `jtorch` is the one that this file belongs to."""
        if name == "jtorch":
            return _spec(name, os.path.join(PACKAGE, "__init__.py"), SourceFileLoader)
        if name.partition(".")[0] not in (*PATHS, *BESIDE):
            return None
        found = _file_of(ours(name), path)
        if found is not None:
            return _spec(name, found, Loader)
        if sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":  # and not, say, importlib.util.find_spec
            raise_missing(f"No module named {name!r}", name)
        return None

    def find_distributions(self, context=None):
        """What `importlib.metadata.version("torch")` reads."""
        from importlib.metadata import DistributionFinder

        wanted = (context or DistributionFinder.Context()).name
        return [distribution(name) for name in PATHS if wanted is None or wanted.lower() == name]


def _file_of(name, path):
    """The file of a module of jtorch, found without importing it; None if there is none."""
    if name in ("jtorch", "jtorch.vision"):
        return os.path.join(PACKAGE, *name.split(".")[1:], "__init__.py")
    found = None if name is None else PathFinder.find_spec(name, path)
    return None if found is None or found.origin is None else found.origin


def _spec(name, file, kind):
    package = os.path.basename(file) == "__init__.py"
    spec = ModuleSpec(name, kind(name, file), origin=file, is_package=package)
    spec.has_location = True
    if package:
        spec.submodule_search_locations.append(os.path.dirname(file))
    return spec


class Loader(SourceFileLoader):
    """Imports the module under jtorch's name, and gives it PyTorch's as well."""

    def create_module(self, spec):
        return import_module(ours(spec.name))

    def exec_module(self, module):
        give_torch_names(module)


def raise_missing(text: str, name: str):
    """PyTorch's error for a module that does not exist, and why jtorch does not have it."""
    raise ModuleNotFoundError(explained(text, name), name=name)


# Python leaves these frames out of the traceback of a failed import, as it does its own.
for _function in (Finder.find_spec, raise_missing):
    _function.__code__ = _function.__code__.replace(co_filename="<frozen importlib._bootstrap>")


def give_torch_names(loaded=None) -> None:
    """Give the modules of jtorch that are imported so far PyTorch's names, and all that they define.

    A module that is still being imported is left for later; `loaded` is complete, whatever its spec says.
    """
    new = []
    for path, module in list(sys.modules.items()):
        name = theirs(path)
        spec = getattr(module, "__spec__", None)
        if name is None or spec is None or not _is_ours(module):
            continue
        if getattr(spec, "_initializing", False) and module is not loaded:
            continue
        if sys.modules.setdefault(name, module) is module and module.__name__ != name:
            new.append(module)
            module.__name__ = name
            if spec.name != name:
                module.__spec__ = _spec(name, module.__file__, Loader)
            module.__package__ = module.__spec__.parent
    new.sort(key=lambda module: ("._" in module.__name__, -module.__name__.count(".")))
    for module in new:
        _rename(vars(module), module.__name__)
        _complete(module)


def _rename(names, home, inside=""):
    """Give the classes and functions in a module or class PyTorch's `__module__`. What core defines gets the first public module
    that shows it.
    """
    for name, what in list(names.items()):
        told = getattr(what, "__module__", None)
        if not isinstance(told, str) or not told.startswith("jtorch") or not hasattr(what, "__qualname__"):
            continue
        public = theirs(told)
        if public is None and what.__qualname__ == inside + name and not home.startswith("torch._"):
            public = home  # defined in core
        if public is not None:
            try:
                what.__module__ = public
            except (AttributeError, TypeError):
                continue
            if isinstance(what, type):
                _rename(vars(what), public, f"{what.__qualname__}.")


def _complete(module):
    """Add what a module of PyTorch has because it is a module: an error for a name that is missing, and `__all__`."""
    names = vars(module)
    module.__getattr__ = attribute_error(module)
    if module.__name__ == "torch":
        kind = type(sys)  # not modules: `from torch import *` must not replace Python's `random`
        explain_attributes(module.Tensor)
        module.torch = module  # programs say torch.torch.Tensor, and nobody notices
        module.cli = sys.modules["jtorch.cli"]  # where it was imported before jtorch, it is not an attribute yet
        module.__all__ = [name for name, what in names.items() if name[0] != "_" and not isinstance(what, kind)]


def distribution(name: str):
    """What is known of an installed `torch` or `torchvision`: a name, a version, and the module."""
    from importlib.metadata import Distribution

    class Known(Distribution):
        files = None
        texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version_of(name)}\n",
            "top_level.txt": f"{name}\n",
        }

        def read_text(self, filename):
            return self.texts.get(filename)

        def locate_file(self, path):
            return os.path.join(PACKAGE, path)

    return Known()


def version_of(name: str) -> str:
    """The version of PyTorch, or of torchvision, whose behaviour jtorch has. Reads it without importing jtorch."""
    values: dict[str, object] = {}
    with open(os.path.join(PACKAGE, "version.py"), encoding="utf-8") as file:
        exec(file.read(), values)
    return str(values["__version__" if name == "torch" else name])
