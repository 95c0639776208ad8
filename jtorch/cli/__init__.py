"""The command `jtorch`: run, doctor and port. A command's file is imported when it is asked for."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "run": "run a PyTorch program as it is: import torch means jtorch",
    "doctor": "say what is installed and whether it works",
    "port": "rewrite the imports of PyTorch programs, and say what is missing",
}
HELP = """\
usage: jtorch COMMAND ...      (or: python -m jtorch COMMAND ...)

{commands}

example: jtorch run train.py --epochs 3

`jtorch COMMAND --help` says more."""


def main(words: list[str] | None = None) -> int:
    """Run a command. Returns the exit code: 0, 1 where something is wrong, 2 for a command that does not exist."""
    command, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    if command in COMMANDS:
        try:
            module = import_module(f"jtorch.cli.{command}")
        except (ImportError, RuntimeError) as error:  # JAX raises the latter where its parts do not fit together
            print(f"jtorch {command}: import jtorch fails ({error}): pip install -U jtorch-xla", file=sys.stderr)
            return 1
        return getattr(module, command)(rest)
    if command in ("-h", "--help"):
        print(HELP.format(commands="\n".join(f"  {name:8}{text}" for name, text in COMMANDS.items())))
        return 0
    print(f"jtorch: there is no command {command!r}; the commands are {', '.join(COMMANDS)}", file=sys.stderr)
    return 2
