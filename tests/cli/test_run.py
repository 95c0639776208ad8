"""`jtorch run` does what `python` does with a program, and `import torch` means jtorch in all its processes."""

import json
import sys

import pytest

from tests.cli import COMMAND, finished
from tests.programs.notes.notebook import difference
from tests.programs.test_tutorials import EXPECTED, FOLDER

# name: (the arguments of python, its standard input)
SAME = {
    "script": (["prog.py", "a", "-b", "--help"], ""),
    "script in a folder": (["inner/deep.py"], ""),
    "module": (["-m", "inner.deep", "x", "-c"], ""),
    "module in one word": (["-Bminner.deep", "x"], ""),
    "module that is missing": (["-m", "inner.nothing"], ""),
    "code": (["-c", "import sys; print(__name__, sys.argv)", "-m", "-W", "-I"], ""),
    "stdin": (["-", "a", "b"], "import sys; print(sys.argv, __name__, sys.path[0])"),
    "nothing": ([], "print(6 * 7)"),
    "reads what follows": (["-c", "print(input(), input())"], "one\ntwo\n"),
    "folder": (["inner"], ""),
    "traceback": (["fails.py"], ""),
    "exit code": (["-c", "raise SystemExit(3)"], ""),
    "exit text": (["-c", "import sys; sys.exit('no')"], ""),
    "interrupted": (["-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT)"], ""),
    "killed": (["killed.py"], ""),
    "warning is an error": (["-W", "error", "warns.py"], ""),
    "warning": (["warns.py"], ""),
    "warning with -X": (["-X", "dev", "-Wignore", "warns.py"], ""),
    "without assertions": (["-OBu", "-c", "assert 0; print(__debug__)"], ""),
    "no such file": (["none.py"], ""),
    "no such option": (["--nothing", "prog.py"], ""),
    "path and modules": (["path.py"], ""),
    "children": (["children.py"], ""),
    "syntax error": (["-c", "1+"], ""),
    "import that is missing": (["-c", "import nothing_here"], ""),
}
FILES = {
    "prog.py": "import sys; print(sys.argv, __name__, __file__, __spec__, sys.path[0], sys.flags)",
    "fails.py": "def f():\n    return 1 / 0\n\n\nf()\n",
    "killed.py": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "warns.py": "import warnings; warnings.warn('hot')",
    "path.py": """
import sys
print(sys.path, sys.executable)
print(sorted({"torch", "jtorch", "jax"} & {*sys.modules}))
print(sys.modules["sitecustomize"].__name__, sys.modules["sitecustomize"].found)
""",
    "site/sitecustomize.py": "found = 'the one that was there'",
    "children.py": """
import multiprocessing, subprocess, sys
def told(x):
    return x, __name__, sys.argv
if __name__ == "__main__":
    for way in ("fork", "spawn"):
        with multiprocessing.get_context(way).Pool(1) as pool:
            print(pool.map(told, [1, 2]))
    print(subprocess.run([sys.executable, "-c", "import sys; print(sys.path)"], capture_output=True, text=True).stdout)
""",
    "inner/__init__.py": "",
    "inner/__main__.py": "print(__name__, __package__)",
    "inner/deep.py": "import sys; print(sys.argv, __name__, __file__, __package__, sys.path[0])",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", SAME)
def test_a_program_runs_as_under_python(name, folder):
    words, text = SAME[name]
    site = str(folder / "site")
    plain = finished([sys.executable, *words], folder, text, PYTHONPATH=site)
    assert finished([*COMMAND, "run", *words], folder, text, PYTHONPATH=site) == plain


def test_a_traceback_ends_with_pytorchs_error(folder):
    code, printed, error = finished(
        [*COMMAND, "run", "-c", "import torch\ntorch.ones(2, 3) @ torch.ones(2, 3)"], folder
    )
    assert (code, printed) == (1, "")
    assert error.startswith('Traceback (most recent call last):\n  File "<string>", line 2, in <module>\n')
    assert error.endswith("\nRuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)\n")


def test_options_that_turn_the_hook_off_are_refused(folder):
    for option in ("-I", "-sE", "-S"):
        code, printed, error = finished([*COMMAND, "run", option, "prog.py"], folder)
        assert (code, printed) == (2, "")
        assert (
            error == f"jtorch run: with {option}, Python ignores PYTHONPATH, which tells it what `import torch` means\n"
        )


CELLS = [
    "# %% a notebook\nimport sys, os\n%matplotlib inline\nx = 3\nif x:\n    %time y = x * 2\nx, y",
    "!echo told {x}\nlines = !echo one; echo two\nlines",
    "%%time\nprint(7\n  % 4)\nx;",
    "!pip install torch\n%cd inner\nos.path.basename(os.getcwd())",
    "%%writefile made.txt\nsome\ntext",
    "open('made.txt').read()",
    "sys.argv, __name__, sys.path[0] == os.path.dirname(os.getcwd())",
    "display(x, 'words')\ndef f():\n    return 1 / 0",
    "f()\n",
]
SHOWN = """\
(3, 6)
told 3
['one', 'two']
3
'inner'
'some\\ntext'
(['book.ipynb', 'a'], '__main__', True)
3
words
"""
TRACEBACK = """\
jtorch run: not done, because it installs: pip install torch
Traceback (most recent call last):
  File "book.ipynb, cell 9", line 1, in <module>
    f()
  File "book.ipynb, cell 8", line 3, in f
    return 1 / 0
ZeroDivisionError: division by zero
"""


def notebook(codes):
    cells = [{"cell_type": "code", "source": code.splitlines(keepends=True)} for code in codes]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Title"]}, *cells], "nbformat": 4})


def test_a_notebook_runs_from_top_to_bottom(folder):
    (folder / "book.ipynb").write_text(notebook(CELLS))
    code, printed, error = finished([*COMMAND, "run", "book.ipynb", "a"], folder)
    assert (code, printed) == (1, SHOWN)
    # Without the lines of ^^^^ in tracebacks: which of them appear depends on Python's version.
    assert "".join(line for line in error.splitlines(keepends=True) if set(line) - set(" ~^\n")) == TRACEBACK


def test_a_file_that_is_no_notebook_is_named(folder):
    (folder / "book.ipynb").write_text("{")
    code, printed, error = finished([*COMMAND, "run", "book.ipynb"], folder)
    assert (code, printed) == (1, "")
    assert error.startswith("jtorch run: can't read 'book.ipynb' as a notebook: ")


@pytest.mark.parametrize("words", [[], ["run"], ["doctor"], ["port"]])
def test_the_help_fits_a_screen_and_has_an_example(words, folder):
    code, printed, error = finished([*COMMAND, *words, "--help"], folder)
    assert (code, error) == (0, "")
    assert "example: jtorch" in printed
    assert len(printed.splitlines()) <= 24
    assert max(map(len, printed.splitlines())) <= 120


def test_a_command_that_does_not_exist_is_refused(folder):
    code, printed, error = finished([*COMMAND, "walk"], folder)
    assert (code, printed) == (2, "")
    assert error == "jtorch: there is no command 'walk'; the commands are run, doctor, port\n"


# Together they use workers of a DataLoader, classes of __main__ in a file, autocast and several optimizers.
TUTORIALS = ["datasets", "checkpoint_resume", "mixed_precision", "four_fits"]


@pytest.mark.long
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_program_prints_what_pytorch_prints(name, tmp_path):
    """The program is unchanged: it says `import torch`."""
    code, printed, error = finished([*COMMAND, "run", "-W", "ignore", str(FOLDER / f"{name}.py")], tmp_path)
    assert code == 0, error
    assert difference(printed, EXPECTED[name]) is None
