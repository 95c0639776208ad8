"""The command `jtorch`. It is no part of the package `jtorch`, whose import takes longer than what the command does itself."""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec


def main():
    """Run `jtorch.cli.main` without importing jtorch."""
    folder = find_spec("jtorch").submodule_search_locations
    spec = PathFinder.find_spec("jtorch.cli", folder)
    module = sys.modules["jtorch.cli"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main()


if __name__ == "__main__":
    sys.exit(main())
