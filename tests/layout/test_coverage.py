"""docs/coverage.md: every name of the census is in jtorch or has a reason why not, and the page is up to date."""

import importlib

import pytest

from tests.make import all_names


@pytest.fixture(scope="module")
def coverage():
    return importlib.import_module("tests.make.coverage")


def test_the_page_is_fresh(coverage):
    assert coverage.PAGE.read_text() == coverage.page(), "run: python -m tests.make coverage"


def test_every_name_is_here_or_has_a_reason(coverage):
    assert [
        row["name"]
        for row in coverage.census()
        if not coverage.exists(row["name"]) and not coverage.reason(row["name"])
    ] == []


def absent_names():
    return [
        all_names.census_name(module, name)
        for module, by in all_names.counted().items()
        for name in by[all_names.ABSENT]
    ]


def test_every_public_name_of_pytorch_is_here_or_has_a_reason(coverage):
    assert [name for name in absent_names() if not coverage.reason(name)] == []


@pytest.mark.parity
def test_the_all_names_are_pytorchs():
    torch = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    for module in (torch.nn, torch.optim, torch.nn.functional, torch.distributions):
        assert set(all_names.recorded()[module.__name__]) <= set(all_names.public(module))


def test_a_reason_is_for_something_missing(coverage):
    missing = [row["name"] for row in coverage.census() if not coverage.exists(row["name"])]
    missing += [*absent_names(), "functorch"]  # which PyTorch installs beside torch
    missing += [n for n in coverage.REASONS if n.split(".")[-1].startswith("_") and not coverage.exists(n)]
    for known in coverage.REASONS:
        assert any(
            coverage.reason(n) == coverage.REASONS[known] for n in missing if n == known or n.startswith(known + ".")
        ), known


LAYERS = ("module", "functional", "optim", "scheduler", "amp")


def test_layers_losses_optimizers_and_schedules_are_here(coverage):
    """Only names that PyTorch has dropped, int8 inference and attention compiled from Python may be missing."""
    names = [
        row["name"]
        for row in coverage.census()
        if row["kind"] in LAYERS or row["name"].startswith(("torch.nn.", "torch.optim."))
    ]
    missing = {name for name in names if not coverage.exists(name)}
    allowed = ("torch.nn.quantized", "torch.nn.intrinsic", "torch.ao", "torch.fx", "torch.nn.attention.flex_attention")
    assert {name for name in missing if not name.startswith(allowed)} == {
        "torch.cuda.amp.grad_scaler._MultiDeviceReplicator",
        "torch.nn.Dense",
        "torch.nn.avg_pool",
        "torch.nn.functional.pool",
    }


def test_torchvision_is_here(coverage):
    """All names but the quantized models and those that torchvision has no longer."""
    names = [row["name"] for row in coverage.census() if row["kind"] == "vision"]
    assert len(names) == 169
    assert {name for name in names if not coverage.exists(name)} == {
        "torchvision.models.quantization.mobilenet_v2",
        "torchvision.transforms.RandomSizedCrop",
        "torchvision.transforms.Scale",
    }


def test_what_is_said_not_to_be_pytorchs_is_not_live(coverage):
    torch = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    for name, why in coverage.REASONS.items():
        if why.startswith(("not in PyTorch", "gone from PyTorch", "a slip of the pen")):
            assert not coverage.exists(name, {"torch": lambda: [torch], "Tensor": lambda: [torch.zeros(2, 2)]}), name
