"""The examples of the gallery: PyTorch programs but for their import lines, which print what they print under PyTorch."""

import ast
import importlib.util
import re
import warnings

import pytest

from tests import ROOT
from tests.programs.twins import EXAMPLES, NAMES, OURS, TWINS, flags_of, lines_of, twin_of
from tests.rows import load

NEEDED = ("sklearn", "matplotlib", "PIL", "tqdm")
pytestmark = [
    pytest.mark.skipif(not all(map(importlib.util.find_spec, NEEDED)), reason="needs the extra `examples`"),
    pytest.mark.slow,
]
EXTRAS = {"flax_in_the_loop": "flax", "to_pure_jax": "flatbuffers"}
THEIRS = load("examples.json", "examples")
GALLERY = EXAMPLES / "README.md"
NUMBER = re.compile(r"-?\d+\.\d+|-?\d+")


def compare(ours, theirs):
    """Equal text and integers; numbers of four decimals and more at 2e-4, shares and the like, which tip over, roughly."""
    assert [NUMBER.sub("#", line) for line in ours] == [NUMBER.sub("#", line) for line in theirs]
    for mine, line in zip(ours, theirs, strict=True):
        for a, b in zip(NUMBER.findall(mine), NUMBER.findall(line), strict=True):
            decimals = len(b.partition(".")[2])
            if not decimals:
                assert a == b, (mine, line)
            elif decimals < 4:
                assert float(a) == pytest.approx(float(b), abs=0.06), (mine, line)
            else:
                assert float(a) == pytest.approx(float(b), rel=2e-4, abs=2e-4), (mine, line)


@pytest.mark.parametrize("name", TWINS)
def test_an_example_prints_what_it_prints_under_pytorch(name, tmp_path):
    theirs = THEIRS[name]
    if importlib.util.find_spec("torch") is not None:
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of its prototypes
            theirs = lines_of(twin_of(EXAMPLES / f"{name}.py", tmp_path), flags_of(name, tmp_path))
        compare(theirs, THEIRS[name])
    compare(lines_of(EXAMPLES / f"{name}.py", flags_of(name, tmp_path)), theirs)


@pytest.mark.parametrize("name", OURS)
def test_an_example_of_jtorchs_own_runs(name, tmp_path):
    if importlib.util.find_spec(EXTRAS.get(name, "jax")) is None:
        pytest.skip(f"needs {EXTRAS[name]}")
    printed = lines_of(EXAMPLES / f"{name}.py", flags_of(name, tmp_path))
    assert any("at first" in line for line in printed)
    assert not any("False" in line for line in printed)


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_differs_in_its_import_lines_only(name, tmp_path):
    path = EXAMPLES / f"{name}.py"
    sources = path.read_text().splitlines(), twin_of(path, tmp_path).read_text().splitlines()
    changed = [(ours, theirs) for ours, theirs in zip(*sources, strict=True) if ours != theirs]
    assert changed
    for ours, theirs in changed:
        assert ours.startswith(("import jtorch", "from jtorch."))
        assert theirs.startswith(("import torch", "from torch."))
    assert not [line for line in sources[1] if "jtorch" in line]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_in_the_gallery(name):
    source = (EXAMPLES / f"{name}.py").read_text()
    assert len(source.splitlines()) <= 150
    assert ast.get_docstring(ast.parse(source)).split("\n")[2].strip().startswith(f"python examples/{name}.py")
    assert f"({name}.py)" in GALLERY.read_text()


def test_the_gallery_shows_small_pictures_that_are_there():
    shown = re.findall(r"\]\((\S+\.(?:png|gif))\)", GALLERY.read_text())
    assert len(shown) > 10
    for picture in shown:
        path = (EXAMPLES / picture).resolve()
        assert path.is_relative_to(ROOT)
        assert path.stat().st_size < 60_000, picture
