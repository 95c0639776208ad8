"""One name, one idea: two files of jtorch define the same name only where PyTorch has that name in several modules.

Nor do two files have the same name, unless both are modules of PyTorch, or both are about the same idea.
"""

import ast
import functools
import importlib

import pytest

from tests.layout.test_layout import FILES, dotted, tree_of
from tests.rows import load

# The modules in which PyTorch shows each name, the files in which it defines it, and the same for torchvision.
PYTORCH = [load("names.json", "names"), load("defined.json", "names"), load("vision_names.json", "vision_names")]
# Names that two files define although PyTorch does not show both, and why each still stands for one idea.
KEPT: dict[str, str] = {
    "Module": "torch.nn's, and jtorch.flax's: a module of flax's as one",
    "Transform": "torchvision's, and torch.distributions.transforms'",
    "normalize": "torchvision's, and torch.nn.functional's",
    "_get_relative_position_bias": "torchvision's of pictures, and that of films",
    "_log_api_usage_once": "torch._C's, and torchvision.utils'",
    "main": "torch.distributed.run's, and that of the command `jtorch`",
    "pad": "torchvision's, and torch.nn.functional's",
    "record": "the engine's records a line; torch.distributed.elastic's writes an exception to a file",
    "reset": "the engine's forgets what was recorded and compiled; torch.compiler's calls it",
    "run": "torch.distributed.run's, and that of the command `jtorch`",
    "send": "torch.distributed's, and that of a message between DataLoader's processes",
    "wrap": "torch.fx's, torchvision's of a tv_tensor, and that of a value as a tensor",
}


def defined(body):
    """The functions and classes at the top of a file, also those inside an `if`, a `try` or a `with`."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if not node.name.startswith("__"):
                yield node.name
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from defined([*node.body, *getattr(node, "orelse", ())])


PLACES: dict[str, list[str]] = {}
for file in FILES:
    for name in dict.fromkeys(defined(tree_of(file).body)):
        PLACES.setdefault(name, []).append(file)
HOMONYMS = {name: files for name, files in PLACES.items() if len(files) > 1}


@functools.cache
def ours(module):
    """The module of jtorch for one of PyTorch's; None if jtorch does not have it."""
    try:
        return importlib.import_module(module.replace("torchvision", "torch.vision", 1).replace("torch", "jtorch", 1))
    except ModuleNotFoundError:
        return None


def written(made):
    """The function in the source, without the wrappers that `@function`, `@functional` and `@public` put around it."""
    while inner := getattr(made, "plain", None) or getattr(made, "__wrapped__", None):
        made = inner
    return made


def is_pytorchs(name, file):
    """Whether what a file defines is what jtorch shows where PyTorch shows this name."""
    made = written(getattr(importlib.import_module(dotted(file)), name))
    modules = {module for table in PYTORCH for module, names in table.items() if name in names}
    return any(written(getattr(ours(module), name, None)) is made for module in modules)


@pytest.mark.parametrize("name", sorted(HOMONYMS.keys() - KEPT))
def test_a_name_that_two_files_define_is_pytorchs_in_both(name):
    other = [file for file in HOMONYMS[name] if not is_pytorchs(name, file)]
    assert not other, f"{name} is defined in {HOMONYMS[name]}: rename what is not PyTorch's, in {other}"


@pytest.mark.parametrize("name", KEPT)
def test_a_name_that_is_kept_is_still_defined_twice(name):
    assert name in HOMONYMS


# Classes whose name is that of a class in another file but for an underscore, and why they stand for one idea.
ALMOST = {
    "_Gather": "PyTorch's, in torch.distributed.nn.functional; FSDP's gathers parameters",
    "_InvertedResidual": "torchvision's, of MNASNet",
    "_JoinHook": "DistributedDataParallel's JoinHook",
    "_SpectralNorm": "PyTorch's, of the parametrization",
    "_WeightNorm": "the parametrization of WeightNorm",
}


def test_an_underscore_is_not_all_that_tells_two_classes_apart():
    classes = {(node.name, file) for file in FILES for node in tree_of(file).body if isinstance(node, ast.ClassDef)}
    shown = {}
    for name, file in classes:
        shown.setdefault(name, set()).add(file)
    almost = {name for name, files in shown.items() if name[0] == "_" and shown.get(name[1:], files) - files}
    assert almost == ALMOST.keys()


# Names of files that are no modules of PyTorch, although another file has the same name: the idea that they share.
SHARED = {
    "boxes": "boxes in pictures: operations on them, and how v2's transforms move them",
    "config": "switches: those of jtorch, and those of PyTorch's compiler",
    "conv": "convolutions: functions and layers",
    "dropout": "dropout: functions and layers",
    "fft": "`torch.fft`: its functions, and the public module",
    "fold": "sliding blocks: functions and layers",
    "functional": "`torch.nn.functional`: where its functions are gathered, and where they are public",
    "geometry": "transforms that move pixels: classes of v1 and of v2, and functions",
    "hooks": "handles of hooks: how they work, and the public module",
    "linalg": "`torch.linalg`: its functions, and the public module",
    "linear": "linear maps: functions and layers",
    "normalization": "normalization: functions and layers",
    "overrides": "`torch.overrides`: how a call is handed over, and the public module",
    "pooling": "pooling: functions and layers",
    "products": "products of matrices: those of tensors, and of DTensors",
    "random": "random tensors: how they are made, of DTensors too, and the public module",
    "run": "commands: `jtorch run`, and PyTorch's `torchrun`",
    "sparse": "sparse tensors: how they work, and the public module",
    "special": "`torch.special`: its functions, and the public module",
    "storage": "storages: how they work, and the public module",
    "views": "views: of tensors, and of DTensors",
}


def modules_of_pytorch():
    shown = {module for table in PYTORCH for module in table} | set(load("all_names.json", "names"))
    return {module.replace("torchvision", "torch.vision", 1).replace("torch", "jtorch", 1) for module in shown}


def file_names():
    """{name: files of that name that are no modules of PyTorch}, of names that several files have."""
    named, ours = {}, {}
    known = modules_of_pytorch()
    for file in FILES:
        name = file.rsplit("/", 1)[1].removesuffix(".py")
        if name.startswith("_"):
            continue
        named.setdefault(name, []).append(file)
        if dotted(file) not in known:
            ours.setdefault(name, []).append(file)
    return {name: ours[name] for name in ours if len(named[name]) > 1}


def test_two_files_have_one_name_only_for_one_idea():
    found = file_names()
    new = {name: files for name, files in found.items() if name not in SHARED}
    assert not new, f"rename these files, or say in SHARED which idea they share: {new}"
    assert not SHARED.keys() - found.keys(), "SHARED names files that are no longer there"
