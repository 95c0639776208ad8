"""The names that users see: those of PyTorch and a few of jtorch's own, listed by hand or by `python -m tests.make public_names`."""

import importlib

import pytest

import jtorch
from jtorch.core.methods import CUDA_TYPES
from tests.make.public_names import LISTS, PYTORCH, listed

COMMAND = {"as_torch", "cli"}  # which Python adds when they are imported
OWN = {
    # what dir shows in addition to PyTorch's names
    "torch": {"core", "eager", "set_streams", "vision"} | COMMAND,
    "torch.compiler": {"Stats", "eager", "explain", "last_program_memory", "stats"},
    "torch.distributed": {"_c10d"},
    "torch.func": {"from_jax", "to_jax"},
    "torch.random": {"set_streams"},
    "torch.sparse": {"_rebuilt"},  # in old pickles
}


@pytest.mark.parametrize("module", sorted(PYTORCH))
def test_a_module_shows_pytorchs_names_only(module):
    ours = importlib.import_module(module.replace("torch", "jtorch", 1))
    shown = {name for name in dir(ours) if not name.startswith("__")}
    assert not shown - PYTORCH[module] - OWN.get(module, set())


@pytest.mark.parametrize("file, module", LISTS)
def test_what_is_declared_is_listed(file, module):
    declared = LISTS[file, module]()
    assert not declared - listed(file, module), f"to list these in {file}: python -m tests.make public_names"


@pytest.mark.parametrize("file, module", LISTS)
def test_what_is_listed_is_declared(file, module):
    assert not listed(file, module) - LISTS[file, module](), (
        f"to take these out of {file}: python -m tests.make public_names"
    )


def test_cuda_has_every_type_of_tensors():
    assert {name: getattr(jtorch.cuda, name, None) for name in CUDA_TYPES} == CUDA_TYPES


def test_the_parts_of_pytorch_that_are_not_here_are_not_something_else():
    """If jtorch had a file named after a missing part, such as `torch.nested`, `hasattr` would say that the part is there."""
    assert not hasattr(jtorch, "nested")
    assert set(jtorch.storage.__all__) == {"TypedStorage", "UntypedStorage"}
