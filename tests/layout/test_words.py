"""The words of the core: README's glossary has each that names a class, and words from outside the field are not used."""

import ast
import importlib
import io
import re
import tokenize

import pytest

from tests import ROOT
from tests.layout.test_layout import FILES, FLOORS, PYTORCH, tree_of

README = (ROOT / "README.md").read_text()
TABLE = README[README.index("| word | meaning |") : README.index("## Add an op")]
GLOSSARY = set(re.findall(r"^\| ([a-z ]+) \|", TABLE, re.MULTILINE)) - {"word"}
# Words in names of classes that need no row: a reader knows them from Python, NumPy, JAX or PyTorch.
COMMON = set(
    "array backward batch dual gradient grad hook host inference kind number output random seed shape size".split()
)
COMMON |= set("handle pass stats stream tensor type".split())
# Words that a reader from outside would not understand, and what to write instead. Not `floor`, which is an op.
PRIVATE = {
    "house": "layout, package",
    "door": "the folder's __init__",
    "street": "the public name",
    "waist": "core",
    "jungle": "branches",
    "hung": "attached",
    "born": "made",
    "bury": "remove",
    "leash": "the socket that is closed",
    "riddle": "the thing itself",
    "wing": "folder of tests",
    "walk": "the backward pass, or to visit",
}
FORMS = {f"{word}{end}": word for word in PRIVATE for end in ("", "s", "ed", "ing")}
# Files in which such a word is part of another library's name.
NAMES: dict[str, set[str]] = {}


def parts(name):
    """The words of a name: "BackwardPass" and "backward_pass" are backward, pass."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def inner_classes():
    """The classes that the folders of core offer each other and PyTorch does not have."""
    for folder in FLOORS:
        init = importlib.import_module(f"jtorch.core.{folder}")
        for name in getattr(init, "__all__", ()):
            if isinstance(getattr(init, name), type) and not any(name in names for names in PYTORCH.values()):
                yield folder, name


@pytest.mark.parametrize("folder, name", sorted(set(inner_classes())))
def test_the_last_word_of_an_inner_class_is_in_the_glossary(folder, name):
    word = parts(name)[-1]
    known = GLOSSARY | COMMON | {row.split()[-1] for row in GLOSSARY}
    assert known & {word, word.rstrip("s"), word.removesuffix("ed")}, f"README explains no {word!r} ({folder}.{name})"


def words(name):
    """(line, word) of each word in the names, comments and docstrings of a file."""
    for token in tokenize.generate_tokens(io.StringIO(FILES[name]).readline):
        if token.type == tokenize.NAME:
            yield from ((token.start[0], word) for word in parts(token.string))
        elif token.type == tokenize.COMMENT:
            yield from ((token.start[0], word.lower()) for word in re.findall(r"[A-Za-z]+", token.string))
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = re.sub(r"\bos\.walk\b|\bast\.walk\b", "", ast.get_docstring(node) or "")
            yield from ((node.body[0].lineno, word.lower()) for word in re.findall(r"[A-Za-z]+", text))


@pytest.mark.parametrize("name", FILES)
def test_no_private_word_is_used(name):
    found = {(line, word) for line, word in words(name) if word in FORMS and word not in NAMES.get(name, ())}
    said = sorted(f"{name}:{line}: {word}: say {PRIVATE[FORMS[word]]}" for line, word in found)
    assert not said, "\n".join(said)
