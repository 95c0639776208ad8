"""PyTorch's tools for its tests, imported so that `torch` in them means jtorch; placeholders for private modules."""

import importlib
import os
import re
import sys
import types
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location

from jtorch.cli import missing

# Python files of PyTorch that its tests stand on, and that say nothing about what is tested.
TOOLS = ("torch.testing._internal", "torch.testing._comparison", "torch.testing._utils", "torch.testing._creation",
         "torch.utils._import_utils", "torch._vendor")  # fmt: skip
# It builds all samples of all operators, for these two names.
SAMPLES = "torch.testing._internal.common_methods_invocations"
# It imports the whole of torch.ao for tests of quantized tensors.
QUANTIZED = "torch.testing._internal.common_quantization"


class _Invariants:
    """Of sparse tensors: PyTorch's TestCase switches their checks on."""

    is_enabled = staticmethod(lambda: False)
    enable = disable = staticmethod(lambda: None)


def _dtype(name):
    """A dtype that no tensor of jtorch has, for the lists of dtypes that tools and tests write."""
    from jtorch import dtype

    made = object.__new__(dtype)
    made.name = name
    return made


# What PyTorch's tools need in order to be imported, and its TestCase in order to begin and end a test.
VALUES = {
    "torch._utils._is_privateuse1_backend_available": lambda: False,
    "torch._utils._element_size": lambda dtype: dtype.itemsize,
    "torch._C._get_privateuse1_backend_name": lambda: "privateuseone",
    "torch._C._len_torch_function_stack": lambda: 0,
    "torch._C.has_lapack": True,
    "torch._C._get_torch_function_state": lambda: None,
    "torch._C._set_torch_function_state": lambda state: None,
    "torch._logging.scribe.open_source_signpost": lambda **kwargs: None,
    "torch.backends.disable_global_flags": lambda: None,
    "torch.sparse.check_sparse_tensor_invariants": _Invariants,
    "torch.utils._foreach_utils._get_foreach_kernels_supported_devices": list,
    "torch.onnx.producer_version": "0",  # of another kind of test
    "torch.jagged": "torch.jagged",  # layouts that no tensor has
    "torch.sparse_csr": "torch.sparse_csr",
    "torch.sparse_csc": "torch.sparse_csc",
    "torch.sparse_bsr": "torch.sparse_bsr",
    "torch.sparse_bsc": "torch.sparse_bsc",
    "torch._mkldnn": "torch._mkldnn",
    "torch.testing._internal.common_nn.new_module_tests": [],
}
DTYPES = ("quint8", "qint8", "qint32", "quint4x2", "quint2x4", "float8_e4m3fnuz", "float8_e5m2fnuz",
          "float8_e8m0fnu", "float4_e2m1fn_x2")  # fmt: skip
_loading = []  # while it is not empty, files are imported: nothing raises NotHere


class NotHere(Exception):
    """A test used a part of PyTorch that is not there."""


class Placeholder(type):
    """Stands for a private function, class or module of PyTorch. Whoever calls it does not run under jtorch.

    It is a class, so that tests may derive from it and ask `isinstance`.
    """

    def __getattr__(cls, name):
        if name.startswith("__") or name == "parametrize_fn":  # by which PyTorch's tools know a test with parameters
            raise AttributeError(name)
        return placeholder(f"{cls.__qualname__}.{name}")

    def __call__(cls, *args, **kwargs):
        if _loading and len(args) == 1 and isinstance(args[0], types.FunctionType):
            return args[0]  # a decorator
        if _loading:
            return placeholder(f"{cls.__qualname__}()")
        named = next(c for c in cls.__mro__ if c.__module__ == "placeholder")  # a test may have derived a class from it
        raise NotHere(f"{named.__qualname__} is not here")

    def __hash__(cls):
        return id(cls)

    def __iter__(cls):
        return iter(())

    def __bool__(cls):
        return False


def placeholder(path):
    return Placeholder(path.rpartition(".")[2], (), {"__qualname__": path, "__module__": "placeholder"})


class PlaceholderModule(types.ModuleType):
    """A private module of PyTorch: every name in it is a placeholder."""

    __path__ = ()

    def __call__(self, *args, **kwargs):
        raise NotHere(f"{self.__name__} is not here")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        path = f"{self.__name__}.{name}"
        made = VALUES[path] if path in VALUES else placeholder(path)
        setattr(self, name, made)
        return made


class Borrowed:
    """Finds the tools in the installed PyTorch, and anything private that jtorch lacks as a placeholder."""

    def __init__(self, installed):
        self.installed = installed

    def find_spec(self, name, path=None, target=None):
        if name == SAMPLES:
            return ModuleSpec(name, self)
        if name == QUANTIZED:
            return ModuleSpec(name, Placeholders(), is_package=True)
        if any(f"{name}.".startswith(f"{tool}.") for tool in TOOLS):
            place = os.path.join(os.path.dirname(self.installed), *name.split("."))
            for file in (f"{place}.py", os.path.join(place, "__init__.py")):
                if os.path.exists(file):
                    return spec_from_file_location(name, file)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from torch.testing._internal.opinfo import core

        vars(module).update({n: v for n, v in vars(core).items() if not n.startswith("__")})
        module.mask_not_all_zeros = _some_mask


def _some_mask(shape):
    import torch

    mask = torch.rand(shape) > 0.5
    mask.view(-1)[0] = True
    return mask


class Placeholders:
    """The last finder, for the modules that a file or a tool imports and that jtorch lacks."""

    def find_spec(self, name, path=None, target=None):
        private = any(part.startswith("_") for part in name.split(".")[1:])
        return ModuleSpec(name, self, is_package=True) if name.startswith("torch.") and (private or _loading) else None

    def create_module(self, spec):
        return PlaceholderModule(spec.name)

    def exec_module(self, module):
        pass


def installed():
    """The folder of the installed PyTorch, found without importing it."""
    spec = PathFinder.find_spec("torch")
    return None if spec is None else os.path.dirname(spec.origin)


def turn_on():
    """From now on `import torch` means jtorch and its tests' tools are PyTorch's."""
    place = installed()
    from jtorch.cli import hook

    hook.attribute_error = _attribute_error
    hook.turn_on()
    hooked = next(f for f in sys.meta_path if isinstance(f, hook.Finder))
    found = hooked.find_spec

    class Lenient:
        def find_spec(self, name, path=None, target=None):
            try:
                return found(name, path, target)
            except ModuleNotFoundError:
                return None

        find_distributions = staticmethod(hooked.find_distributions)

    sys.meta_path[sys.meta_path.index(hooked)] = Lenient()
    sys.meta_path.insert(0, Borrowed(place))
    sys.meta_path.insert(2, Placeholders())
    import torch.testing

    torch.testing.__path__ = [os.path.join(place, "testing")]
    importlib.import_module("torch.testing._utils")
    if not hasattr(torch.testing, "make_tensor"):
        creation = filled(lambda: importlib.import_module("torch.testing._creation"))
        torch.testing.make_tensor = creation.make_tensor


def _attribute_error(module):
    """The `__getattr__` of a module of jtorch: a private name that a test file or a tool imports is a placeholder."""
    plain = missing.attribute_error(module)

    def __getattr__(name):
        try:
            return plain(name)
        except (ImportError, AttributeError):
            path = f"{module.__name__}.{name}"
            if module.__name__ == "torch" and name in DTYPES:
                return VALUES.setdefault(path, _dtype(name))
            if path in VALUES:
                return VALUES[path]
            if path.startswith("torch._C.") and not name.startswith("__"):
                return placeholder(path)
            raise

    return __getattr__


def filled(load):
    """What `load` gives; names that PyTorch's tools or a test file ask for as they are imported, and that are not there, are
    placeholders, so that only the tests that use them fail. Tools of another version of PyTorch lack decorators, too."""
    _loading.append(load)
    while True:
        try:
            loaded = load()
            _loading.clear()
            return loaded
        except ImportError as error:
            name = re.match("cannot import name '(.*?)' from", str(error))
            if name is None or error.name not in sys.modules:
                raise
            module, name = sys.modules[error.name], name[1]
        except AttributeError as error:
            module, name = error.obj, error.name
            if not isinstance(module, types.ModuleType):
                raise
        tool = module.__name__.startswith("torch.testing._internal")
        path = f"{module.__name__}.{name}"
        setattr(module, name, VALUES[path] if path in VALUES else _decorator if tool else placeholder(path))


def _decorator(*args, **kwargs):
    """Any decorator, with or without arguments: it changes nothing."""
    return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else _decorator
