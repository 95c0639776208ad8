"""The rules of the code's layout, held by reading the source: layers, bans, sizes, one definition, a clean import, ruff."""

import ast
import functools
import inspect
import io
import os
import pydoc
import shutil
import subprocess
import sys
import tokenize

import pytest

import jtorch
from jtorch.core.op import OPS as PUBLIC
from tests import ROOT
from tests.rows import load

PACKAGE = ROOT / "jtorch"
FILES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}

# The folders of jtorch/core, lowest first; everything else may import them.
FLOORS = "facts streams engine grad tensor op ops methods".split()
# The same for jtorch/core/ops.
OPS = (
    "slopes rules make matrix views arithmetic gather reduce windows signal layers losses functional functions".split()
)
# What else stands at the top: the command `jtorch` (`python -m jtorch`), and what makes `import torch` mean jtorch.
COMMAND = {"__main__", "as_torch", "cli"}
# What `dir` shows of PyTorch's modules: tests/make/names.py.
PYTORCH = load("names.json", "names")
# Exceptions to the rules, and why. Remove or shrink entries; a new one needs a good reason.
LONG_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}


def floor(module):
    """The floor of a dotted module name: (folder of core, folder of core.ops)."""
    parts = module.split(".")
    if parts[0] == "jtorch" and parts[1:2] and parts[1] in COMMAND:
        return (len(FLOORS) + 2, 0)  # nothing imports the command
    if parts[:2] != ["jtorch", "core"] or len(parts) < 3:
        return (len(FLOORS) + (module == "jtorch"), 0)
    group = OPS.index(parts[3]) if parts[2] == "ops" and len(parts) > 3 else len(OPS)
    return (FLOORS.index(parts[2]), group if parts[2] == "ops" else 0)


def dotted(name):
    """jtorch/nn/module.py is jtorch.nn.module; a folder's __init__ is the folder."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


FILE_OF = {dotted(name): name for name in FILES}
MODULES = FILE_OF.keys()


@functools.cache
def tree_of(name):
    """The syntax tree of a file, kept: parsing all files takes seconds."""
    return ast.parse(FILES[name])


def imports(name, tree=None):
    """The modules of jtorch that a file (or another tree of it) imports, except for type checkers."""
    for node in _running(tree or tree_of(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "jtorch")
        source = source_of(name, node)
        if source.split(".")[0] == "jtorch":
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in MODULES else source


def source_of(name, node):
    """The module that a node of a file imports from: "jtorch.nn" for `from . import x` in jtorch/nn; "" for other nodes."""
    if not isinstance(node, ast.ImportFrom):
        return ""
    here = dotted(name).split(".")
    package = here if name.endswith("__init__.py") else here[:-1]
    base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
    return ".".join(filter(None, [base, node.module]))


def _running(tree):
    """The nodes of a tree that run: without those under `if TYPE_CHECKING`."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        skip = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        todo += node.orelse if skip else ast.iter_child_nodes(node)


@functools.cache
def used(name):
    """The dotted names that a file reads, imports written out: after `from jax import jit`, jax.jit."""
    tree, found = tree_of(name), set()
    known = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in known:
            found.add(known[node.id])
        elif isinstance(node, ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            found.add(".".join([known.get(first, first), *rest]))
    return found


def functions(tree):
    """(name, lines without docstring) of every function, methods as Class.method."""
    todo = [("", tree)]
    while todo:
        prefix, node = todo.pop()
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
            name = f"{prefix}{child.name}" if named else prefix
            if named and not isinstance(child, ast.ClassDef):
                yield name, _lines(child)
            todo.append((f"{name}." if named else prefix, child))


def _lines(function):
    doc = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    return function.end_lineno - function.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_from_its_floor_or_below(name):
    uphill = sorted({m for m in imports(name) if floor(m) > floor(dotted(name))})
    assert not uphill, f"{name} stands on floor {floor(dotted(name))} and imports {uphill}"


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("jtorch/core/ops/")])
def test_a_folder_of_core_is_imported_by_its_init_or_a_module(name):
    """From another folder: `from jtorch.core.engine import record`, or one of the folder's modules by name."""
    own = dotted(name).split(".")[:3]
    past = set()
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jtorch.core."):
            folder = node.module.split(".")[:3]
            if folder != own and folder[2] != "ops" and len(node.module.split(".")) > 3:
                past.add(node.module)
    assert not past, f"{name} imports from inside a folder: {sorted(past)}"


# Names with an underscore that PyTorch itself has: users and other files import them.
PYTORCHS_PRIVATE = {
    "_single", "_pair", "_triple",
    "_assert", "_assert_async", "_check", "_check_index", "_check_not_implemented", "_check_tensor_all",
    "_check_tensor_all_with", "_check_type", "_check_value", "_check_with", "_get_layout", "_weight_norm", "_Loss",
    "_WeightedLoss", "_BatchNorm", "_NormBase", "_LazyNormBase", "_IncompatibleKeys", "_calculate_fan_in_and_fan_out",
    "_LRScheduler", "_rebuild_parameter", "_rebuild_parameter_with_state", "_deregister_pytree_node", "_dict_flatten",
    "_dict_flatten_with_keys", "_dict_unflatten", "_get_node_type", "_list_flatten", "_list_unflatten", "_register_namedtuple",
    "_register_pytree_node", "_tuple_flatten", "_tuple_unflatten",
}  # fmt: skip
# Private names that other files still read. Entries may only be removed.
STILL_PRIVATE: set[str] = set()


def private(name):
    """The private names of other files of jtorch that a file imports or reads, as module.name."""
    modules = {}
    for node in ast.walk(tree_of(name)):
        source = source_of(name, node)
        if source.split(".")[0] == "jtorch":
            for alias in node.names:
                if f"{source}.{alias.name}" in MODULES:
                    modules[alias.asname or alias.name] = f"{source}.{alias.name}"
                else:
                    yield source, alias.name
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr


@pytest.mark.parametrize("name", FILES)
def test_a_private_name_stays_in_its_file(name):
    known = PYTORCHS_PRIVATE | STILL_PRIVATE
    crossing = {f"{m}.{n}" for m, n in private(name) if n.startswith("_") and n[:2] != "__" and n not in known}
    assert not crossing, f"{name} uses {sorted(crossing)}"


def _defined_names(tree):
    """The names that a file defines, assigns or imports, or that stand in a short string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80:
            yield from node.value.split()


def test_a_private_attribute_that_is_read_is_defined_somewhere():
    """A use of an old name after a renaming would otherwise show only when that line runs."""
    defined = {
        "_replace",
        "_asdict",
        "_getframe",
        "_slotnames",
        "_current_frames",
        "_exit",
        "_Pickler",
    }  # attributes of Python's own
    defined.update(name for file in FILES for name in _defined_names(tree_of(file)))
    read = {
        node.attr: f"{file}:{node.lineno}"
        for file in FILES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
    }
    assert {name: place for name, place in read.items() if name not in defined} == {}


def test_at_the_top_stand_pytorchs_names_vision_and_core():
    modules = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()]
    names = {path.stem for path in modules if path.name not in ("__pycache__", "__init__.py")}
    assert names <= set(PYTORCH["torch"]) | {"vision", "core", "flax"} | COMMAND


def origin(module, name):
    """The module that defines a name which is imported from a folder's `__init__` or from the module itself."""
    if f"{module}.{name}" in MODULES:
        return f"{module}.{name}"
    for node in tree_of(FILE_OF[module]).body if FILE_OF[module].endswith("__init__.py") else ():
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jtorch":
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return origin(node.module, alias.name)
    return module


def stands_on(start):
    """The modules that a reader of `start` needs: those that define the names it imports, and so on for each of them.

    A name imported from a folder's `__init__` counts as imported from the module that defines it: the `__init__` imports
    the whole folder, but a reader who follows the name reads one module. An import inside a function counts like any other.
    What is registered from above (`jtorch.core.op.handlers`, `jtorch.core.grad.watchers`) does not count: a reader need not
    know it.
    """
    found, todo = set(), [start]
    while todo:
        module = todo.pop()
        if module in found:
            continue
        found.add(module)
        for node in _running(tree_of(FILE_OF[module])):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jtorch":
                todo += [origin(node.module, alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                todo += [alias.name for alias in node.names if alias.name in MODULES]
    return found


def code_lines(name):
    """How many lines of a file hold code: no blank lines, comments or docstrings."""
    docs = set()
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            docs |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    empty = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(FILES[name]).readline):
        if token.type not in empty:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docs)


def test_an_op_is_understood_from_3300_lines():
    lines = {module: code_lines(FILE_OF[module]) for module in stands_on("jtorch.core.op.op")}
    assert sum(lines.values()) <= 3300, f"{sum(lines.values())} code lines in {lines}"
    for unneeded in ("refusal", "printing", "convert", "from_data", "subclass", "writing"):
        assert not [module for module in lines if unneeded in module]


def test_there_is_an_order_to_read_the_files_in():
    """There is no circular import, so each file can be read after those that it imports."""
    below = {}
    for name in FILES:
        here, needs = dotted(name), imports(name)
        below[here] = {m for m in needs if not f"{here}.".startswith(f"{m}.")}
    while ready := [m for m, needs in below.items() if not needs & below.keys()]:
        for module in ready:
            del below[module]
    assert not below, f"these import each other in a circle: {sorted(below)}"


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_jtorch_is_imported_inside_a_function(name):
    """Such an import hides a circle."""
    functions = [node for node in ast.walk(tree_of(name)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not {module for function in functions for module in imports(name, function)}


# Where module-level names are looked up: a table of what the file itself defines.
READS_ITS_NAMES = {"jtorch/core/facts/dtypes.py"}


@pytest.mark.parametrize("name", sorted(FILES.keys() - READS_ITS_NAMES))
def test_no_name_is_made_by_scanning(name):
    """A file writes out the names that it offers: readers and editors cannot follow `globals()` and `locals()`."""
    calls = [node.func for node in ast.walk(tree_of(name)) if isinstance(node, ast.Call)]
    assert not {"globals", "locals"} & {call.id for call in calls if isinstance(call, ast.Name)}


BANS = {
    # name: (where it may stand, why nowhere else)
    # jax.export takes a jitted function and compiles nothing
    "jax.jit": ({"jtorch/core/engine/compiling.py", "jtorch/export/exported_program.py"}, "only the engine compiles"),
    "jax.eval_shape": ({"jtorch/core/engine/calls.py"}, "only calls ask for shapes, once for each distinct line"),
    # flax's modules bring keys of their own
    "jax.random": ({"jtorch/core/ops/make/random.py", "jtorch/flax/torch_module.py"}, "one file owns randomness"),
    # These read no switch: server.py hands the program's environment to the workers, the command to the program.
    "os.environ": (
        {
            "jtorch/core/facts/config.py",
            "jtorch/utils/data/_utils/server.py",
            "jtorch/cli/hook.py",
            "jtorch/cli/notebook.py",
        },
        "one file knows the switches",
    ),
    "os.getenv": ({"jtorch/core/facts/config.py"}, "one file knows the switches"),
}


@pytest.mark.parametrize("banned", BANS)
def test_a_name_stands_only_where_it_belongs(banned):
    allowed, why = BANS[banned]
    found = {
        name
        for name in FILES
        if name not in allowed and any(u == banned or u.startswith(banned + ".") for u in used(name))
    }
    assert not found, f"{banned} in {sorted(found)}: {why}"


@pytest.mark.parametrize("name", FILES)
def test_no_file_has_more_than_600_lines(name):
    lines = len(FILES[name].splitlines())
    assert lines <= LONG_FILES.get(name, 600), f"{name} has {lines} lines"


@pytest.mark.parametrize("name", FILES)
def test_no_function_has_more_than_60_lines(name):
    long = {f: n for f, n in functions(tree_of(name)) if n > LONG_FUNCTIONS.get(f"{name}:{f}", 60)}
    assert not long, f"{name}: {long}"


HOT_FOLDERS = tuple(f"jtorch/core/{folder}/" for folder in ("engine", "grad", "tensor", "op"))


def branches(function):
    """The number of branches in a function: `if`, loops, `except`, `and`, `or`, and the `if` of expressions."""
    found, todo = 0, list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue  # counted by itself
        found += isinstance(node, ast.If | ast.For | ast.While | ast.ExceptHandler | ast.IfExp)
        found += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        found += len(node.ifs) if isinstance(node, ast.comprehension) else 0
        todo += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(HOT_FOLDERS) and "/refusal/" not in name])
def test_no_function_on_the_way_of_a_line_has_more_than_25_branches(name):
    """Each recorded line runs through these folders, except op/refusal, which only a failed call reaches."""
    nodes = [node for node in ast.walk(tree_of(name)) if isinstance(node, ast.FunctionDef)]
    many = {node.name: branches(node) for node in nodes if branches(node) > 25}
    assert not many, f"{name}: {many}"


def test_no_exception_outlives_its_reason():
    lengths = {name: len(text.splitlines()) for name, text in FILES.items()}
    lengths |= {f"{name}:{f}": n for name in FILES for f, n in functions(tree_of(name))}
    limits = {name: (lines, 600) for name, lines in LONG_FILES.items()}
    limits |= {name: (lines, 60) for name, lines in LONG_FUNCTIONS.items()}
    stale = {name for name, (_, limit) in limits.items() if lengths.get(name, 0) <= limit}
    assert not stale, f"no longer needed: {sorted(stale)}"


def test_a_public_function_of_the_mathematics_is_defined_once():
    places = {}
    for name in FILES:
        apart = name.endswith(("matrix/linalg.py", "signal/fft.py"))  # functions of modules of their own
        if name.startswith(("jtorch/core/ops/", "jtorch/nn/functional")) and not apart:
            for node in tree_of(name).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(name)
    both = {"softmax", "log_softmax"}  # torch's want a dim, nn.functional's warn without one
    twice = {name: found for name, found in places.items() if len(found) > 1 and name not in both}
    assert not twice


def test_the_package_itself_defines_nothing():
    package = tree_of("jtorch/__init__.py").body
    assert not [node.name for node in package if isinstance(node, ast.FunctionDef | ast.ClassDef)]


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name].strip()])
def test_a_file_says_what_it_knows(name):
    assert ast.get_docstring(tree_of(name)), f"{name} has no docstring"


def test_a_debugger_steps_through_the_wrapper_of_an_op():
    """The function that users call is generated: `inspect`, pdb and tracebacks find its source in `linecache`."""
    for function in (
        jtorch.relu,
        jtorch.Tensor.relu,
        jtorch.Tensor.add,
        jtorch.Tensor.__add__,
        jtorch.nn.functional.gelu,
    ):
        source = inspect.getsource(function)
        lines, first = inspect.getsourcelines(function.__code__)
        assert (source, first) == ("".join(lines), 1)
        assert source.startswith("def wrapper(input=")
        assert "apply(call, (input" in source
    with pytest.raises(TypeError) as caught:
        jtorch.relu("a")
    assert any("handlers.failed(wrapper" in str(entry.statement) for entry in caught.traceback)


def test_a_debugger_lists_the_lines_of_a_wrapper():
    code = """
import pdb, sys, io, jtorch
x = jtorch.relu(jtorch.ones(2))  # its source is compiled at this call
heard = io.StringIO()
debugger = pdb.Pdb(stdin=io.StringIO("step\\nnext\\nnext\\nlist\\ncontinue\\n"), stdout=heard, nosigint=True, readrc=False)
debugger.use_rawinput = False
debugger.runcall(jtorch.relu, x)
print(heard.getvalue())
"""
    assert "-> if input.__class__ in PLAIN:" in python(code)


def test_help_shows_tensors_and_not_arrays():
    shown = pydoc.plain(pydoc.render_doc(jtorch.relu))
    assert "relu(input: 'Tensor', *, out=None) -> 'Tensor'" in shown
    for name, function in PUBLIC.items():
        assert "Array" not in str(inspect.signature(function)), name


IMPORT = """
import os, sys, threading
import jax
environment, settings = dict(os.environ), dict(jax.config.values)
import jtorch
assert dict(os.environ) == environment, "the environment changed"
changed = {name: value for name, value in jax.config.values.items() if settings.get(name) != value}
assert not changed, changed
heavy = {"torch", "PIL", "matplotlib", "sklearn", "tqdm", "flax", "tensorflow", "tensorflow_datasets"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert threading.active_count() == 1, threading.enumerate()
try:
    jax.devices()
except RuntimeError:
    print("no backend was started: none can be")
"""


def python(code, **environment):
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("before", ["", "held = [[] for _ in range(200_000)]"])
def test_pythons_collector_does_not_visit_what_an_import_made(before):
    """Unless the process had made many objects before: they would never be collected if they were left out."""
    watch = "gc.callbacks.append(lambda phase, info: full.append(0) if info['generation'] == 2 else None)"
    code = f"import gc; {before}\nfull = []; {watch}; import jtorch; print(len(full), gc.isenabled(), gc.get_freeze_count() > 50_000)"
    assert python(code).split() == ["0", "True", str(not before)]


def test_an_op_is_compiled_at_its_first_call_also_when_two_threads_make_it():
    code = """
import threading, jtorch as torch
assert "complete" in torch.cosh.__code__.co_names and "complete" in torch.Tensor.cosh.__code__.co_names
found, gate = [], threading.Barrier(8)
def call():
    gate.wait()
    found.append(torch.cosh(torch.zeros(2)).sum().item() + torch.zeros(2).cosh().sum().item())
threads = [threading.Thread(target=call) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
assert found == [4.0] * 8, found
assert "complete" not in torch.cosh.__code__.co_names
"""
    python(code)


def test_import_jtorch_changes_no_setting_and_starts_no_backend():
    # No such platform exists, so starting any backend is an error.
    assert "no backend was started" in python(IMPORT, JAX_PLATFORMS="nowhere")


def test_plain_jax_beside_jtorch_keeps_32_bits():
    code = """
import jax, jax.numpy as jnp, jtorch
x = jtorch.arange(3) * 2
assert x.dtype == jtorch.int64 and x.tolist() == [0, 2, 4]
assert jnp.arange(3).dtype == "int32" and jnp.ones(2).dtype == "float32"
assert jax.jit(lambda x: x * 2.5)(jnp.arange(3)).dtype == "float32"
print("as before")
"""
    assert python(code) == "as before\n"


@pytest.mark.parametrize("command", ["check --output-format=concise", "format --check"])
def test_ruff_finds_nothing(command):
    ruff = shutil.which("ruff") or shutil.which("ruff", path=os.path.dirname(sys.executable))
    if ruff is None:
        pytest.skip("ruff is not installed")
    done = subprocess.run(
        [ruff, *command.split(), "--no-cache", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
