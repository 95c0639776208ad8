"""Layers that are made or called wrongly, by PyTorch's own `module_db`: its exceptions, with its texts."""

import importlib

import pytest

import jtorch
from tests import torch_tables

torch = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
common = torch_tables.module("common_modules")

pytestmark = pytest.mark.parity


def _error_of(T, info, case):
    convert = importlib.import_module("tests.parity.converting").Converter(T)  # it imports torch
    made, called = case.module_error_input.constructor_input, case.module_error_input.forward_input
    try:
        layer = getattr(T.nn, info.module_cls.__name__)(*convert(made.args), **convert(made.kwargs))
        if case.error_on is common.ModuleErrorEnum.FORWARD_ERROR:
            layer(*convert(called.args), **convert(called.kwargs))
    except Exception as error:
        return [type(error).__name__, str(error)]
    return None


@pytest.mark.parametrize("training", [True, False])
def test_wrong_layers_raise_pytorchs_errors(training):
    given = {"device": "cpu", "dtype": torch.float32, "requires_grad": False, "training": training}
    for info in common.module_db:
        for case in info.module_error_inputs_func(info, **given) if info.module_error_inputs_func else ():
            mine, theirs = (_error_of(T, info, case) for T in (jtorch, torch))
            assert mine == theirs, info.name
