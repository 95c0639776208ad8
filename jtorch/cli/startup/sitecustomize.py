"""Python imports this when it starts, if `jtorch run` has put this folder on PYTHONPATH: `import torch` will mean jtorch.

A sitecustomize.py that was there before is imported afterwards, and this folder leaves `sys.path`.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _start():
    from importlib import import_module
    from importlib.machinery import SourceFileLoader
    from types import ModuleType

    # Not `import jtorch.cli.hook`, which would import all of jtorch and JAX. With this package, Python looks no further up.
    package = sys.modules["jtorch.cli"] = ModuleType("jtorch.cli")
    package.__file__ = os.path.join(os.path.dirname(_HERE), "__init__.py")
    package.__path__ = [os.path.dirname(_HERE)]
    SourceFileLoader("jtorch.cli", package.__file__).exec_module(package)
    import_module("jtorch.cli.hook").turn_on()


def _import_the_other():
    """The sitecustomize that Python would have imported."""
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != _HERE]
    mine = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", mine)  # Python's import expects one


if __name__ == "sitecustomize":
    _start()
    _import_the_other()
