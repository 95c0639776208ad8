"""Module, parameters and containers: programs whose printed text is compared with PyTorch's."""

import copy
import gc
import importlib
import pickle
import pkgutil
import weakref

import pytest

import jtorch
from jtorch import nn
from tests.rows import load


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(jtorch.ones(2))
        self.child = nn.Sequential()
        self.note = {"a": [1]}
        self.register_buffer("count", jtorch.zeros(1), persistent=False)

    def forward(self, x):
        return x * self.weight


def double(module, args, output):
    return output * 2


def test_pickle_brings_the_tree_and_its_hooks_back():
    net = Net().eval()
    net.register_forward_hook(double)
    net.weight.data.fill_(3.0)
    back = pickle.loads(pickle.dumps(net))
    assert list(back.__dict__) == list(net.__dict__)
    assert type(back.weight) is nn.Parameter
    assert back.weight.requires_grad
    assert (back.training, back.note) == (False, {"a": [1]})
    assert back(jtorch.ones(2)).tolist() == [6.0, 6.0]


def test_parameter_pickles_its_own_attributes():
    parameter = nn.Parameter(jtorch.ones(2), requires_grad=False)
    parameter.tag = "kept"
    back = pickle.loads(pickle.dumps(parameter))
    assert (back.tolist(), back.requires_grad, back.tag, type(back)) == (
        [1.0, 1.0],
        False,
        "kept",
        nn.Parameter,
    )


def test_a_handle_pickles_with_its_table():
    net = Net()
    handle = net.register_forward_hook(double)
    net, handle = pickle.loads(pickle.dumps((net, handle)))
    handle.remove()
    assert not net._forward_hooks


def test_a_handle_keeps_no_module_alive():
    net = Net()
    handle = net.register_forward_hook(double)
    gone = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert gone() is None  # nor is there a cycle: the garbage collector did not run
    finally:
        gc.enable()
    handle.remove()


def test_deepcopy_shares_no_memory():
    net = Net()
    other = copy.deepcopy(net)
    other.weight.data.fill_(5.0)
    assert net.weight.tolist() == [1.0, 1.0]


def test_compile_leaves_the_module_as_it_is():
    net = Net()
    before = dict(net.__dict__)
    assert net.compile(dynamic=True) is None
    assert net.__dict__ == before


def test_parameter_class_prints_as_pytorchs():
    assert repr(nn.Parameter) == "<class 'torch.nn.parameter.Parameter'>"
    assert nn.Parameter.__module__ == "jtorch.nn.parameter"  # the real one, which pickle looks up


@pytest.mark.parametrize(
    "code, name",
    [("p + 1", "add"), ("1 * p", "mul"), ("x @ p", "matmul"), ("p.sum()", "sum"), ("jtorch.cat([x, p])", "cat"),
     ("nn.functional.linear(x, p)", "linear"), ("p.view(-1)", "view"), ("p.clone()", "clone")],
)  # fmt: skip
@pytest.mark.parametrize("kind", [nn.UninitializedParameter, nn.UninitializedBuffer])
def test_an_op_refuses_a_tensor_without_a_shape_by_its_name(kind, code, name):
    with pytest.raises(
        ValueError, match=f"uninitialized parameter in <method '{name}' of 'torch._C.TensorBase' objects>"
    ):
        eval(code, {"p": kind(), "x": jtorch.ones(2, 3), "jtorch": jtorch, "nn": nn})


def _layer_classes():
    """(class, module) of every public class that a file of `jtorch.nn.modules` defines."""
    for info in pkgutil.iter_modules(nn.modules.__path__, "jtorch.nn.modules."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == info.name and not name.startswith("_"):
                yield value, module


def test_every_layer_is_in_the_list():
    """A new layer is a class in a file of `jtorch.nn.modules`, and its name in the file's `__all__`."""
    hidden = {"NonDynamicallyQuantizableLinear", "LazyModuleMixin"}  # PyTorch shows them in their files only
    for cls, module in _layer_classes():
        name = cls.__name__
        if name not in hidden and issubclass(cls, nn.Module):
            assert name in module.__all__, f"{name} is missing in the list of {module.__name__}"
            assert getattr(nn, name) is getattr(nn.modules, name) is cls
    assert not hidden & {*dir(nn), *dir(nn.modules)}


def test_nn_shows_pytorchs_names_only():
    assert {*dir(nn)} <= {*load("names.json", "names")["torch.nn"]}


def test_tensor_subclass_becomes_a_parameter_by_a_mark():
    class Mine(jtorch.Tensor):
        def detach(self):
            return self._alias(Mine)

    mine = nn.Parameter(jtorch.ones(2)._alias(Mine))
    assert type(mine) is Mine
    assert isinstance(mine, nn.Parameter)
    assert not isinstance(jtorch.ones(2)._alias(Mine), nn.Parameter)
    module = nn.Module()
    module.mine = mine
    assert list(module._parameters) == ["mine"]


def test_append_that_fails_leaves_a_parameter_list_as_it_was():
    kept = nn.ParameterList([jtorch.ones(1)])
    with pytest.raises(RuntimeError, match="Only Tensors of floating point"):
        kept.append(jtorch.tensor([1]))
    assert len(kept) == 1


def test_a_bad_key_leaves_a_parameter_dict_as_it_was():
    kept = nn.ParameterDict({"a": jtorch.ones(1)})
    with pytest.raises(TypeError, match="not a string"):
        kept[1] = jtorch.ones(1)
    assert list(kept) == ["a"]
