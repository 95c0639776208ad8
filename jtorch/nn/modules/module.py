"""Module: a tree of parameters, buffers and other modules, with one forward pass.

This file says which assignment makes a parameter, in which order the tree is visited, and what can be done to a
module. The work itself is in the files beside it: `module_hooks` registers and runs hooks, `module_state` makes and
loads state_dicts, `module_moving` changes devices and dtypes, `module_text` has the parts of a module's text.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from jtorch.core.ops.make.create import empty_like
from jtorch.core.tensor import Tensor
from jtorch.nn.modules import module_hooks, module_moving, module_state
from jtorch.nn.modules.module_hooks import (
    global_backward_hooks,
    global_backward_pre_hooks,
    global_forward_hooks,
    global_forward_pre_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from jtorch.nn.modules.module_state import _IncompatibleKeys as _IncompatibleKeys  # PyTorch defines it here
from jtorch.nn.modules.module_text import indented, typename
from jtorch.nn.parameter import Buffer, Parameter

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


_EXTRA_STATE_KEY_SUFFIX = module_state.EXTRA  # PyTorch's name, which libraries read


def _forward_unimplemented(self, *input: Any) -> None:
    """Compute the module's result. Every module defines its own."""
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


# The tables of hooks, in PyTorch's order, which is the order of attributes in a pickled module.
_HOOK_TABLES = (
    "_backward_pre_hooks", "_backward_hooks", "_is_full_backward_hook",
    "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called",
    "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip


class Module(module_hooks.Hooked):
    """A part of a model. It holds parameters, buffers and other modules, and `forward` computes its result.

    A `Parameter`, `Buffer` or `Module` assigned to an attribute is registered; anything else is a plain attribute.
    Subclasses define `forward`; callers call the module itself.

    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(torch.ones(2)).tolist()
    [2.0, 2.0]
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    dump_patches: bool = False
    call_super_init: bool = False  # whether __init__ passes its arguments on to the next class
    _version: int = 1  # written beside a state_dict; a class increases it when the form of its state changes
    _compiled_call_impl: Callable | None = None

    training: bool
    forward: Callable[..., Any] = _forward_unimplemented

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and (args or kwargs):
            given = f"takes 1 positional argument but {len(args) + 1} were given"
            if kwargs:
                given = f"got an unexpected keyword argument '{next(iter(kwargs))}'"
            raise TypeError(f"{type(self).__name__}.__init__() {given}")
        # Straight into the dictionary, because __setattr__ needs these tables.
        own = self.__dict__
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers_set"] = set()
        for name in _HOOK_TABLES:
            own[name] = None if name == "_is_full_backward_hook" else OrderedDict()
        own["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __call__(self, *args, **kwargs):
        if (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or global_backward_hooks
            or global_backward_pre_hooks
            or global_forward_hooks
            or global_forward_pre_hooks
        ):
            return module_hooks.call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_impl(self, *args, **kwargs):
        return Module.__call__(self, *args, **kwargs)

    # ---- attributes

    def __getattr__(self, name):
        own = self.__dict__
        if "_parameters" in own:  # without it, __init__ has not run
            if name in own["_parameters"]:
                return own["_parameters"][name]
            if name in own["_modules"]:
                return own["_modules"][name]
            if name in own["_buffers"]:
                return own["_buffers"][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        own = self.__dict__
        tensor = isinstance(value, Tensor)
        if tensor and isinstance(value, Parameter):
            if "_parameters" not in own:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._set_child(name, value)
        elif name in own.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            self._set_child(name, value)
        elif name in own.get("_buffers", ()) or (tensor and isinstance(value, Buffer)):
            self._set_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    def _set_child(self, name, value):
        if "_modules" not in self.__dict__:
            raise AttributeError("cannot assign module before Module.__init__() call")
        if value is not None:
            self._forget(name, "_modules")
        self._modules[name] = module_hooks.at_registration(
            module_hooks.global_module_registration_hooks, self, name, value
        )

    def _set_buffer(self, name, value):
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
            )
        persistent = value.persistent if isinstance(value, Buffer) else name not in self._non_persistent_buffers_set
        self._forget(name, "_buffers")
        self.register_buffer(name, value, persistent)

    def _forget(self, name, kept):
        """Remove a name from every table except `kept`. There the new value takes the old one's position."""
        own = self.__dict__
        own.pop(name, None)
        for table in ("_parameters", "_buffers", "_modules"):
            if table != kept:
                own[table].pop(name, None)
        if kept != "_buffers":
            own["_non_persistent_buffers_set"].discard(name)

    def __delattr__(self, name):
        for table in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(table, ()):
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self):
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[0].isdigit())

    def __setstate__(self, pickled):
        own = self.__dict__
        own.update(pickled)
        for name in _HOOK_TABLES:  # modules pickled by older versions have fewer tables
            own.setdefault(name, None if name == "_is_full_backward_hook" else OrderedDict())
        own.setdefault("_non_persistent_buffers_set", set())

    # ---- registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register a parameter under `name`. None registers the name without a parameter.

        Raises:
            TypeError: not a Parameter, or the name is not a string.
            KeyError: the name is taken, empty, or has a dot.
            ValueError: the parameter was computed from others.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        registered = module_hooks.global_parameter_registration_hooks
        self._parameters[name] = module_hooks.at_registration(registered, self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is not learned under `name`: a running mean, a mask.

        Args:
            persistent: whether `state_dict` holds it.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = module_hooks.at_registration(
            module_hooks.global_buffer_registration_hooks, self, name, tensor
        )
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Register a child module under `name`."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if isinstance(name, str) and "." in name and not hasattr(self, name):
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        self._check_name("module", name, self.__dict__.get("_modules", ()))
        self._modules[name] = module_hooks.at_registration(
            module_hooks.global_module_registration_hooks, self, name, module
        )

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind, name, table):
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in table and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # ---- the tree

    def named_modules(self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True):
        """(dotted name, module) of this module and all below it, parents first.

        Args:
            memo: modules to leave out; the modules that are yielded are added to it.
            remove_duplicate: yield a module that is registered in several places only once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, parents first."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly below, each once."""
        seen = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below, each once."""
        for _, child in self.named_children():
            yield child

    def _named_members(self, get_members, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        tree = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in tree:
            for name, member in get_members(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) of this module and, if `recurse`, all below it."""
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, if `recurse`, all below it, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) of this module and, if `recurse`, all below it."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, if `recurse`, all below it, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module under a dotted name; "" is this one.

        Raises:
            AttributeError: there is no such attribute, or it is not a module.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Replace the module under a dotted name.

        Args:
            strict: raise an error if the name does not exist yet.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter under a dotted name."""
        module, name = self._holder(target)
        if not isinstance(getattr(module, name), Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return getattr(module, name)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer under a dotted name."""
        module, name = self._holder(target)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return module._buffers[name]

    def _holder(self, target):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        return module, name

    def _replicate_for_data_parallel(self):
        """A copy with tables of its own and without parameters, which `nn.parallel.replicate` sets."""
        copy = self.__new__(type(self))
        copy.__dict__.update(self.__dict__, _parameters={}, _buffers=dict(self._buffers), _modules=dict(self._modules))
        copy._is_replica = True
        return copy

    # ---- doing something to the whole tree

    def apply(self, fn: Callable[[Module], None]):
        """Call `fn` on every module, children first. Returns self."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True):
        """Set training mode, here and below: dropout drops elements, and batch norm updates its statistics. Returns self."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self):
        """Set evaluation mode, here and below. Returns self."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True):
        """Set `requires_grad` of all parameters, here and below. Returns self."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or to zeros if not `set_to_none`."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                (grad.requires_grad_(False) if grad.grad_fn is None else grad.detach_()).zero_()

    def _apply(self, fn, recurse=True):
        """Replace each parameter's data, each gradient and each buffer by what `fn` returns for it. Returns self."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        module_moving.apply_to_own(self, fn)
        return self

    def to(self, *args, **kwargs):
        """Move to a device, or to another floating or complex dtype; integer tensors keep theirs. Returns self.

        `to(device, dtype, non_blocking)`, `to(dtype, non_blocking)`, `to(tensor, non_blocking)`, each also
        with `memory_format=`. Parameters stay the same objects.

        >>> torch.nn.Linear(1, 1).to(torch.float64).weight.dtype
        torch.float64
        """
        return self._apply(module_moving.mover(args, kwargs))

    def to_empty(self, *, device, recurse: bool = True):
        """Move to a device without the values: for modules made on "meta". Returns self."""
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def cuda(self, device=None):
        """Move to a GPU. Returns self."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self):
        """Move to the host. Returns self."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type):
        """Convert every parameter and buffer to this dtype, integer ones too. Returns self."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Convert floating point tensors to float32. Returns self."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Convert floating point tensors to float64. Returns self."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Convert floating point tensors to float16. Returns self."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Convert floating point tensors to bfloat16. Returns self."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def share_memory(self):
        """Move every tensor to memory that other processes can see. Returns self."""
        for t in [*self.parameters(), *self.buffers()]:
            t.share_memory_()
        return self

    def compile(self, *args, **kwargs) -> None:
        """Accept the arguments of `torch.compile` and do nothing.

        Differs from torch: every program is compiled anyway.
        """

    # ---- state

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Parameters and persistent buffers, here and below, under dotted names: what a checkpoint of a model holds.

        Args:
            destination: the dictionary to fill; None: a new one.
            prefix: put before every name.
            keep_vars: return the parameters themselves, not detached tensors.

        >>> list(torch.nn.Linear(1, 1).state_dict())
        ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. "
                "Refer to https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        return module_state.collect_state(self, destination, prefix, keep_vars)

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """Copy a state_dict into this module and all below it.

        Args:
            strict: raise an error for missing or unexpected names.
            assign: keep the dictionary's own tensors instead of copying their values.

        Returns:
            (missing_keys, unexpected_keys)

        Raises:
            RuntimeError: names or shapes that do not fit, all in one message. The rest has been copied.
            TypeError: not a dictionary.
        """
        return module_state.load_state(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Put this module's own tensors into `destination`. Subclasses extend it to save more."""
        module_state.save_own(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Load this module's own tensors. Subclasses extend it to read older forms of their state."""
        module_state.load_own(
            self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    get_extra_state = module_state.get_extra_state
    set_extra_state = module_state.set_extra_state

    # ---- text

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self) -> str:
        """The text between the brackets of the repr. Subclasses define it."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        inner = "".join(f"\n  {line}" for line in lines + children)
        return f"{self._get_name()}({inner}\n)" if inner else f"{self._get_name()}()"
