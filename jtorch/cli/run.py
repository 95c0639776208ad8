"""`jtorch run`: Python itself, started so that `import torch` means jtorch. What a program sees is what Python shows it."""

from __future__ import annotations

import os
import subprocess
import sys

from jtorch.cli.hook import environment

HELP = """\
usage: jtorch run [PYTHON'S OPTIONS] (SCRIPT | -m MODULE | -c CODE | - | NOTEBOOK.ipynb) [ARGUMENTS]

Runs a PyTorch program as it is: `import torch` and `import torchvision` mean jtorch, in the program and in the
processes that it starts. All else is as under `python`: arguments, tracebacks, exit codes, signals, options such as -W.
A notebook runs from top to bottom. Nothing is installed or written.

example: jtorch run -W error train.py --epochs 3"""

_WITH_VALUE = {"-W", "-X", "--check-hash-based-pycs"}  # options whose value is the next word
_LONG = ("--", "-W", "-X")  # how options begin that are not a row of single letters
_ALONE = "EIS"  # with -E, -I or -S, Python does not look for the folder that turns the hook on


def run(words: list[str]) -> int:
    """Replace this process by the program. Returns only where that is impossible: 2 for a wrong option, or its exit code."""
    if words and words[0] in ("-h", "--help"):
        print(HELP)
        return 0
    at = _program(words)
    for word in [*_own_options(), *words[:at]]:
        if word[:2] not in _LONG and set(_ALONE) & set(word):
            print(
                f"jtorch run: with {word}, Python ignores PYTHONPATH, which tells it what `import torch` means",
                file=sys.stderr,
            )
            return 2
    if at < len(words) and words[at].endswith(".ipynb"):
        words = [*words[:at], os.path.join(os.path.dirname(__file__), "notebook.py"), *words[at:]]
    return _replaced_by([sys.executable, *_own_options(), *words], environment())


def _program(words):
    """The position of what is run: the script, -m, -c or -."""
    at = 0
    while at < len(words):
        word = words[at]
        if word[:1] != "-" or word == "-" or (word[:2] not in _LONG and set("cm") & set(word)):
            break
        at += 2 if word in _WITH_VALUE else 1
    return at


def _own_options():
    """The options of Python that this command was started with, by `python -W error -m jtorch run`."""
    given = sys.orig_argv[1:]
    return (
        given[: given.index("-m")] if "-m" in given and sys.argv[0] == os.path.join(_package(), "__main__.py") else []
    )


def _package():
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _replaced_by(command, variables):
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, variables)
    program = subprocess.Popen(command, env=variables)  # Windows cannot replace a process
    while True:
        try:
            return program.wait()
        except KeyboardInterrupt:
            continue  # the program gets it, too
