"""Runs a notebook from top to bottom: `jtorch run book.ipynb` starts Python with this file as the script.

Each cell is compiled by itself, so that a traceback names it. The value of a cell's last line is printed. Of IPython's magics,
those are obeyed that a program needs; those that only concern the screen are left out, and so is `pip install`.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import re
import shlex
import subprocess
import sys
import traceback
from types import ModuleType

SHOWN = set("matplotlib load_ext reload_ext autoreload config pylab precision".split())  # line magics of the screen
UNSEEN = set("html HTML javascript js latex markdown svg".split())  # cells that a browser shows
SHELLS = set("bash sh".split())
TIMES = set("time timeit prun capture".split())  # these run the code
MAGIC = re.compile(r"^(\s*)(?:(\w+(?:\s*,\s*\w+)*)\s*=\s*)?([%!]{1,2})\s*(\w*)(.*)$")


def cells(path: str) -> list[str]:
    """The code cells of a notebook. Raises SystemExit where the file is none."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)["cells"]
        return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"jtorch run: can't read {path!r} as a notebook: {error}") from None


def plain(code: str) -> str:
    """A cell as Python: magics become calls of `run_magic`, which is among the names of a cell."""
    try:
        compile(code, "cell", "exec")
        return code
    except SyntaxError:
        pass
    first, _, rest = code.lstrip().partition("\n")
    if first.startswith(("%%", "!!")):
        name, _, words = first[2:].strip().partition(" ")
        if first.startswith("%%") and name in TIMES:
            return plain(f"\n{rest}")
        return f"__run_magic__({name!r}, {words.strip()!r}, {rest!r})\n"
    return "".join(_plain_line(line) for line in code.splitlines(keepends=True))


def _plain_line(line):
    text = line.rstrip("\n")
    if re.fullmatch(r"\s*(\?+[\w.]+|[\w.]+\?+)\s*", text):
        return "\n"  # help
    found = MAGIC.match(text)
    if not found:
        return line
    space, kept, sign, name, words = found.groups()
    if sign == "%" and name in TIMES and not kept:
        return f"{space}{words.strip() or 'pass'}\n"
    if sign[0] == "!":
        call = f"__run_magic__('!', {text[found.end(3) :].strip()!r}, wanted={bool(kept)})"
    else:
        call = f"__run_magic__({name!r}, {words.strip()!r})"
    return f"{space}{kept} = {call}\n" if kept else f"{space}{call}\n"


class Notebook:
    """The names of a notebook's cells, and what its magics do."""

    def __init__(self, path):
        self.path = path
        self.module = ModuleType("__main__")
        self.names = vars(self.module)
        self.names.update(__run_magic__=self.run_magic, display=self.display, get_ipython=lambda: None)

    def run_cell(self, number, code):
        """Run a cell, and print the value of its last line, unless a semicolon ends it."""
        file = f"{self.path}, cell {number}"
        linecache.cache[file] = len(code), None, code.splitlines(keepends=True), file
        tree = ast.parse(plain(code), file)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
            last = ast.Expression(tree.body.pop().value)
        exec(compile(tree, file, "exec"), self.names)
        if last is not None:
            self.display(eval(compile(last, file, "eval"), self.names))

    @staticmethod
    def display(*values):
        """Print what a notebook would show."""
        for value in values:
            if value is not None:
                print(value if isinstance(value, str) and len(values) > 1 else repr(value))

    def run_magic(self, name, words, rest="", wanted=False):
        """Do what a magic says. With `wanted`, return the lines that a command prints.

        Raises:
            NotImplementedError: a magic that is not known.
        """
        if name in ("!", "system", "sx") or name in SHELLS:
            return self._shell(rest or words, wanted)
        if name in ("pip", "conda", "mamba"):
            return self._shell(f"{name} {words}", wanted)
        if name == "cd":
            os.chdir(os.path.expanduser(words.strip("\"'")))
        elif name == "env":
            variable, _, value = words.replace(" ", "=", 1).partition("=")
            os.environ[variable] = value.strip()
        elif name == "writefile":
            with open(
                os.path.expanduser(words.split()[-1]), "a" if "-a" in words.split() else "w", encoding="utf-8"
            ) as file:
                file.write(rest)
        elif name not in SHOWN and name not in UNSEEN:
            raise NotImplementedError(f"jtorch run does not know the magic %{name}")
        return None

    def _shell(self, command, wanted):
        words = re.split(r"\s+", command.strip())
        if words[:2] in (["pip", "install"], ["pip3", "install"], ["conda", "install"], ["mamba", "install"]):
            print(f"jtorch run: not done, because it installs: {command.strip()}", file=sys.stderr)
            return [] if wanted else None
        command = re.sub(r"\{(\w+)\}", lambda found: shlex.quote(str(self.names.get(found[1], found[0]))), command)
        sys.stdout.flush()
        done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE if wanted else None, check=False)
        return done.stdout.splitlines() if wanted else None


def _show(kind, error, trace):
    """`sys.excepthook` that leaves out the frames of this file and knows the lines of cells."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(kind, error, trace)


def run_notebook() -> None:
    """Run the notebook that `sys.argv[1]` names, with the rest of the words as its arguments."""
    del sys.argv[0]
    path = sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    os.environ.setdefault("MPLBACKEND", "Agg")  # figures must not wait for somebody to close a window
    sys.excepthook = _show
    codes = cells(path)
    notebook = Notebook(path)
    sys.modules["__main__"] = notebook.module
    for number, code in enumerate(codes, 1):
        notebook.run_cell(number, code)


if __name__ == "__main__":
    run_notebook()
