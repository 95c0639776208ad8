"""Containers: lists and dictionaries of modules and parameters, and Sequential.

The entries of a list are registered under the names "0", "1", ...
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import index as as_index

from jtorch.core.tensor import Tensor
from jtorch.nn.modules.module import Module
from jtorch.nn.modules.module_text import indented, typename
from jtorch.nn.parameter import Parameter

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


def _nonnegative_index(i, n):
    """The index counted from the start, from 0 to n - 1."""
    i = as_index(i)
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of range")
    return i % n


class _ModuleRow(Module):
    """What Sequential and ModuleList share: their children are a sequence."""

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def _key(self, i):
        return list(self._modules)[_nonnegative_index(i, len(self))]

    def _renumber(self, modules):
        self._modules = {str(i): module for i, module in enumerate(modules)}

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, self._key(idx), module)

    def __delitem__(self, idx: slice | int) -> None:
        for key in list(self._modules)[idx] if isinstance(idx, slice) else [self._key(idx)]:
            delattr(self, key)
        self._renumber(self._modules.values())

    def append(self, module: Module):
        """Add a module at the end. Returns self."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: int | slice) -> Module:
        """Remove a module and return it."""
        taken = self[key]
        del self[key]
        return taken


class Sequential(_ModuleRow):
    """Modules one after another: each is called with the result of the one before.

    Args:
        args: modules, or one OrderedDict of names and modules.

    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    >>> model(torch.ones(4, 2)).shape
    torch.Size([4, 3])
    """

    def __init__(self, *args):
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name) if isinstance(name, int) else name, module)

    def forward(self, input):
        """Run the modules in order."""
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, idx: slice | int):
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self._modules[self._key(idx)]

    def insert(self, index: int, module: Module):
        """Insert a module before the one at `index`. Returns self."""
        if not isinstance(module, Module):
            raise AssertionError("module should be of type: <class 'torch.nn.modules.module.Module'>")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def extend(self, sequential: Iterable[Module]):
        """Add modules at the end. Returns self."""
        for module in sequential:
            self.append(module)
        return self

    def __add__(self, other):
        return self._like([*self, *self._other(other)])

    def __iadd__(self, other):
        return self.extend(list(self._other(other)))

    def __mul__(self, other: int):
        return self._like([*self] * self._factor(other))

    __rmul__ = __mul__

    def __imul__(self, other: int):
        return self.extend([*self] * (self._factor(other) - 1))

    def _like(self, modules):
        made = Sequential()
        return made.extend(modules)

    def _other(self, other):
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return other

    def _factor(self, factor):
        kind = "<class 'torch.nn.modules.container.Sequential'>" if type(self) is Sequential else type(self)
        if not isinstance(factor, int):
            raise TypeError(f"unsupported operand type(s) for *: {kind} and {type(factor)}")
        if factor <= 0:
            raise ValueError(f"Non-positive multiplication factor {factor} for {kind}")
        return factor


class ModuleList(_ModuleRow):
    """A list whose modules are registered: their parameters are its parameters. It has no forward.

    Args:
        modules: an iterable of modules; None: an empty list.

    >>> layers = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(3)])
    >>> layers
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, idx: int | slice):
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return self._modules[self._key(idx)]

    def insert(self, index: int, module: Module) -> None:
        """Insert a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def extend(self, modules: Iterable[Module]):
        """Add modules at the end. Returns self."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __iadd__(self, modules: Iterable[Module]):
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]):
        return ModuleList(chain(self, other))

    def __repr__(self):
        """Adjacent modules with the same text share a line: `(0-2): 3 x Linear(...)`."""
        runs = []  # [first position, how many, text]
        for i, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1][1] += 1
            else:
                runs.append([i, 1, text])
        lines = [
            f"\n  ({i}): {indented(text)}" if n == 1 else f"\n  ({i}-{i + n - 1}): {n} x {indented(text)}"
            for i, n, text in runs
        ]
        return f"{self._get_name()}({''.join(lines)}\n)" if lines else f"{self._get_name()}()"


def _checked_pairs(given, who, called):
    """Yield the pairs of an iterable, or raise an error if it holds anything else."""
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{called}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    for i, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{who} update sequence element #{i} should be Iterable; is{type(pair).__name__}")
        pair = list(pair)
        if len(pair) != 2:
            raise ValueError(f"{who} update sequence element #{i} has length {len(pair)}; 2 is required")
        yield pair


class ModuleDict(Module):
    """A dictionary whose modules are registered: their parameters are its parameters. It has no forward.

    Args:
        modules: a mapping of names to modules, or (name, module) pairs; None: an empty dictionary.

    >>> torch.nn.ModuleDict({"act": torch.nn.ReLU()})["act"]
    ReLU()
    """

    def __init__(self, modules: Mapping[str, Module] | None = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key: str):
        return key in self._modules

    def clear(self) -> None:
        """Remove all entries."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        return self._modules.pop(key)

    def keys(self):
        return self._modules.keys()

    def items(self):
        return self._modules.items()

    def values(self):
        return self._modules.values()

    def update(self, modules) -> None:
        """Add the modules of a mapping, or of (name, module) pairs, in their order."""
        named = modules.items() if isinstance(modules, Mapping | ModuleDict) else modules
        for name, module in _checked_pairs(named, "ModuleDict", "ModuleDict"):
            self[name] = module


class ParameterList(Module):
    """A list that registers tensors as parameters; it also holds other objects.

    Args:
        values: an iterable of tensors and other objects; None: an empty list.

    >>> torch.nn.ParameterList([torch.ones(2), torch.zeros(1)])
    ParameterList(
        (0): Parameter containing: [torch.float32 of size 2]
        (1): Parameter containing: [torch.float32 of size 1]
    )
    """

    def __init__(self, values: Iterable | None = None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)([self[i] for i in range(*idx.indices(len(self)))])
        return getattr(self, str(_nonnegative_index(idx, len(self))))

    def __setitem__(self, idx: int, param) -> None:
        setattr(self, str(_nonnegative_index(idx, len(self))), _as_parameter_if_tensor(param))

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def append(self, value):
        """Add a value at the end. Returns self."""
        self._size += 1
        try:
            self[-1] = value
        except BaseException:
            self._size -= 1
            raise
        return self

    def extend(self, values: Iterable):
        """Add values at the end. Returns self."""
        # A tensor is iterable, but its rows are not what the caller means.
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, parameters: Iterable):
        return self.extend(parameters)

    def extra_repr(self):
        return "\n".join(_entry_text(i, value, str(getattr(value, "dtype", ""))) for i, value in enumerate(self))

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary that registers tensors as parameters; it also holds other objects.

    Args:
        parameters: a mapping of names to values, or (name, value) pairs; None: an empty dictionary. A plain dict is
            added in the order of its sorted names.

    >>> torch.nn.ParameterDict({"scale": torch.ones(2)})
    ParameterDict(  (scale): Parameter containing: [torch.FloatTensor of size 2])
    """

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    def _name(self, key):
        if not isinstance(key, str):
            raise TypeError(
                f"Index given to ParameterDict cannot be used as a key as it is not a string (type is '{type(key).__name__}'). "
                "Open an issue on github if you need non-string keys."
            )
        return key

    def __getitem__(self, key: str):
        return getattr(self, self._name(key))

    def __setitem__(self, key: str, value) -> None:
        setattr(self, self._name(key), _as_parameter_if_tensor(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._name(key))

    def __len__(self):
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(list(self._keys))

    def __contains__(self, key: str):
        return key in self._keys

    def keys(self):
        return self._keys.keys()

    def items(self):
        return ((key, self[key]) for key in self._keys)

    def values(self):
        return (self[key] for key in self._keys)

    def copy(self) -> ParameterDict:
        """Another dictionary of the same values."""
        return ParameterDict(OrderedDict(self.items()))

    def get(self, key: str, default=None):
        """The value under a key, or the default."""
        return self[key] if key in self else default

    def setdefault(self, key: str, default=None):
        """The value under a key; if there is none, the default is stored first."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str):
        """Remove a value and return it."""
        taken = self[key]
        del self[key]
        return taken

    def popitem(self):
        """Remove the last (key, value) and return it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all entries."""
        for key in list(self._keys):
            del self[key]

    def fromkeys(self, keys: Iterable[str], default=None) -> ParameterDict:
        """A new dictionary with the same value under each key."""
        return ParameterDict((key, default) for key in keys)

    def update(self, parameters) -> None:
        """Add the values of a mapping, or of (name, value) pairs; those of a plain dict in the order of its sorted names."""
        ordered = isinstance(parameters, OrderedDict | ParameterDict)
        named = parameters.items() if ordered else parameters
        if not ordered and isinstance(parameters, Mapping):
            named = sorted(parameters.items())
        for key, value in _checked_pairs(named, "ParameterDict", "ParametersDict"):
            self[key] = value

    def extra_repr(self):
        return "\n".join(_entry_text(key, value, typename(value)) for key, value in self.items())

    def __call__(self, input):
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other):
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other):
        made = other.copy()
        made.update(self)
        return made

    def __ior__(self, other):
        self.update(other)
        return self


def _as_parameter_if_tensor(value):
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _entry_text(key, value, kind):
    """One entry of a ParameterList or ParameterDict."""
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    what = "Parameter" if isinstance(value, Parameter) else "Tensor"
    place = f" ({value.device})" if value.is_cuda else ""
    return f"  ({key}): {what} containing: [{kind} of size {'x'.join(map(str, value.shape))}{place}]"


class Container(Module):
    """A Module with children given by keyword. Deprecated, it warns: subclass Module instead.

    Args:
        kwargs: names and modules.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     box = torch.nn.Container(act=torch.nn.ReLU())
    >>> box.act
    ReLU()
    """

    def __init__(self, **kwargs):
        super().__init__()
        warnings.warn(
            "`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`. Subclass that instead.",
            FutureWarning,
            stacklevel=2,
        )
        for name, module in kwargs.items():
            self.add_module(name, module)
