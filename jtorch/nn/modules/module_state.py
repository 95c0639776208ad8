"""state_dict and load_state_dict: parameters and persistent buffers under dotted names.

A state_dict is a dictionary of tensors; this file reads and writes no files. It finds the names that are missing or
unexpected and the shapes that do not fit, and reports them in PyTorch's words.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from functools import partial
from itertools import chain

from jtorch.__future__ import get_swap_module_params_on_conversion
from jtorch.core.grad import no_grad
from jtorch.core.methods import swap_tensors
from jtorch.core.tensor import Tensor
from jtorch.nn.modules.module_hooks import WithModule
from jtorch.nn.parameter import Parameter, is_lazy

EXTRA = "_extra_state"  # the key of what `get_extra_state` gives


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """The names that the state_dict lacks, and those that the module lacks."""

    __slots__ = ()
    __module__ = "jtorch.nn.modules.module"  # PyTorch's path, which is also the one in files

    def __repr__(self):
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


def collect_state(module, destination, prefix, keep_vars):
    """Put the state of a module and all below it into `destination`, and return that."""
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = metadata
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_dict_hooks.values():
        returned = hook(module, destination, prefix, metadata)
        if returned is None:
            continue
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("state_dict post-hook must return None")
        destination = returned
    return destination


def save_own(module, destination, prefix, keep_vars):
    """Put a module's own parameters, persistent buffers and extra state into `destination`."""
    passing = module._non_persistent_buffers_set
    buffers = [item for item in module._buffers.items() if item[0] not in passing]
    for name, tensor in chain(module._parameters.items(), buffers):
        if tensor is not None:
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
    if type(module).get_extra_state is not get_extra_state:
        destination[prefix + EXTRA] = module.get_extra_state()


def get_extra_state(self):
    """What `state_dict` holds of this module besides tensors: anything that `torch.save` can write.

    Define it together with `set_extra_state`. The key in the state_dict is `_extra_state`.
    """
    raise RuntimeError(_NO_EXTRA.format("get"))


def set_extra_state(self, state):
    """Restore what `get_extra_state` returned; `load_state_dict` calls it."""
    raise RuntimeError(_NO_EXTRA.format("set"))


_NO_EXTRA = (
    "Reached a code path in Module.{}_extra_state() that should never be called. "
    "Please file an issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."
)


def load_state(module, state_dict, strict, assign):
    """Copy a state_dict into a module and all below it. Returns the names that did not fit."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    missing, unexpected, errors = [], [], []
    metadata = getattr(state_dict, "_metadata", None)
    state_dict = OrderedDict(state_dict)  # a copy, because hooks may change it
    if metadata is not None:
        state_dict._metadata = metadata
    report = (True, missing, unexpected, errors)
    _load_tree(module, state_dict, "", metadata, assign, report)
    if strict and unexpected:
        errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
    if strict and missing:
        errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
    if errors:
        raise RuntimeError("\n\t".join([f"Error(s) in loading state_dict for {type(module).__name__}:", *errors]))
    return _IncompatibleKeys(missing, unexpected)


def _quoted(names):
    return ", ".join(f'"{name}"' for name in names)


def _load_tree(module, state_dict, prefix, metadata, assign, report):
    mine = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        mine["assign_to_params_buffers"] = True
    module._load_from_state_dict(state_dict, prefix, mine, *report)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = {key: value for key, value in state_dict.items() if key.startswith(below)}
            _load_tree(child, part, below, metadata, assign, report)
    keys = _IncompatibleKeys(report[1], report[2])
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return"
                " new values, if incompatible_keys need to be modified, it should be done inplace."
            )


def load_own(module, state_dict, prefix, metadata, strict, missing, unexpected, errors):
    """Copy into a module's own parameters and buffers. What does not fit is added to the three lists."""
    for hook in module._load_state_dict_pre_hooks.values():
        call = partial(hook.hook, module) if isinstance(hook, WithModule) else hook
        call(state_dict, prefix, metadata, strict, missing, unexpected, errors)
    passing = module._non_persistent_buffers_set
    buffers = {name: buffer for name, buffer in module._buffers.items() if name not in passing}
    own = {name: t for name, t in chain(module._parameters.items(), buffers.items()) if t is not None}
    assign = metadata.get("assign_to_params_buffers", False)
    for name, tensor in own.items():
        key = prefix + name
        if key in state_dict:
            error = _load_tensor(module, name, tensor, state_dict[key], key, assign)
            errors += [] if error is None else [error]
        elif strict:
            missing.append(key)
    extra = prefix + EXTRA
    takes_extra = type(module).set_extra_state is not set_extra_state
    if takes_extra and extra in state_dict:
        module.set_extra_state(state_dict[extra])
    elif takes_extra and strict:
        missing.append(extra)
    elif strict and extra in state_dict:
        unexpected.append(extra)
    if strict:
        unexpected += [key for key in state_dict if key != extra and _is_foreign(key, prefix, module, own)]


def _is_foreign(key, prefix, module, own):
    if not key.startswith(prefix):
        return False
    head, dot, _ = key[len(prefix) :].partition(".")
    return head not in (module._modules if dot else own)


def _load_tensor(module, name, tensor, new, key, assign):
    """Copy one tensor, or replace the module's own by it. Returns an error message, or None."""
    if not isinstance(new, Tensor):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from'
            " checkpoint"
            f" but received {type(new)}"
        )
    lazy = is_lazy(tensor)
    if not lazy and len(tensor.shape) == 0 and len(new.shape) == 1 and new.shape[0] == 1:
        new = new[0]  # files of PyTorch 0.3 have one-element vectors in place of scalars
    if not lazy and new.shape != tensor.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {new.shape} from checkpoint, the shape in"
            f" current model is {tensor.shape}."
        )
    if tensor.is_meta and not new.is_meta and not assign:
        warnings.warn(
            f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the"
            " current model, which is a no-op. (Did you mean to pass `assign=True` to assign items in the"
            " state dictionary to their corresponding key in the module instead of copying them in place?)",
            stacklevel=5,
        )
    swaps = get_swap_module_params_on_conversion()
    try:
        with no_grad():
            if swaps:
                _swap_loaded(tensor, new, assign)
            elif assign:
                setattr(module, name, _as_kept(tensor, new))
            else:
                tensor.copy_(new)
    except Exception as error:
        return (
            f'While {"swapping" if swaps else "copying"} the parameter named "{key}", whose dimensions in the model are {tensor.size()}'
            " and whose"
            f" dimensions in the checkpoint are {new.size()}, an exception occurred : {error.args}."
        )
    return None


def _swap_loaded(tensor, new, assign):
    """Give a parameter or buffer the content that its `module_load` makes of a loaded tensor."""
    made = tensor.module_load(new, assign=assign)
    if made is new or made is tensor:
        raise RuntimeError(
            "module_load returned one of self or other, please .detach() the result if returning one of the inputs in module_load"
        )
    swap_tensors(tensor, _as_kept(tensor, made))


def _as_kept(tensor, new):
    """`new` as a parameter where `tensor` is one, else `new` itself."""
    if not isinstance(tensor, Parameter):
        return new
    if isinstance(new, Parameter):
        return new.requires_grad_(tensor.requires_grad)
    return Parameter(new, requires_grad=tensor.requires_grad)
