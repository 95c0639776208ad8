"""`torch.nn.modules`: PyTorch's long paths to what stands in `jtorch.nn`, where programs import from them.

One table says which files of `jtorch.nn` stand behind a path; a module of that name holds what they define, private
base classes too, which programs ask about (`torch.nn.modules.batchnorm._BatchNorm`).
"""

import importlib as _importlib
import sys as _sys
import types as _types

from jtorch.nn.modules import container, module

_PATHS = {
    "activation": "activation multihead",
    "adaptive": "classify",
    "batchnorm": "norm lazy",
    "channelshuffle": "upsample",
    "conv": "conv lazy",
    "distance": "distance",
    "dropout": "dropout",
    "flatten": "flatten",
    "fold": "upsample",
    "instancenorm": "norm lazy",
    "lazy": "lazy",
    "linear": "linear lazy",
    "linear_cross_entropy_options": "classify",
    "loss": "loss margin classify",
    "normalization": "norm",
    "padding": "padding",
    "pixelshuffle": "upsample",
    "pooling": "pool unpool",
    "rnn": "rnn",
    "sparse": "embedding",
    "transformer": "transformer",
    "upsampling": "upsample",
}


def _path(name, files):
    """The module `jtorch.nn.modules.<name>` of what these files define."""
    made = _types.ModuleType(f"{__name__}.{name}", f"`torch.nn.modules.{name}`: see jtorch.nn.{files.split()[0]}.")
    for source in [_importlib.import_module(f"jtorch.nn.{f}") for f in files.split()]:
        own = {n: v for n, v in vars(source).items() if getattr(v, "__module__", None) == source.__name__}
        vars(made).update(own)
    _sys.modules[made.__name__] = made
    return made


for _name, _files in _PATHS.items():
    globals()[_name] = _path(_name, _files)


def _number_or_tuple(count):
    return lambda value: tuple(value) if isinstance(value, tuple | list) else (value,) * count


utils = _types.ModuleType(f"{__name__}.utils", "`torch.nn.modules.utils`: one number as many.")
for _count, _name in enumerate(("_single", "_pair", "_triple", "_quadruple"), 1):
    setattr(utils, _name, _number_or_tuple(_count))
utils._ntuple = lambda count, name="parse": _number_or_tuple(count)
utils._reverse_repeat_tuple = lambda t, n: tuple(x for x in reversed(t) for _ in range(n))
_sys.modules[utils.__name__] = utils


def __getattr__(name):
    """Every layer is here, too: `torch.nn.modules.Linear`."""
    nn = _sys.modules["jtorch.nn"]
    if not name.startswith("_") and isinstance(found := getattr(nn, name, None), type):
        return found
    raise AttributeError(f"module 'torch.nn.modules' has no attribute '{name}'")
