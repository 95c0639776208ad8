"""Optimizer: parameter groups, state and hooks, as PyTorch has them. No arithmetic.

The base of the optimizers over optax is `TransformOptimizer` in `jtorch.optim._functional`. A user's own subclass writes
its `step` with tensors. In both, the end of `step` submits the training step.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from copy import deepcopy
from itertools import chain

from jtorch.core import engine
from jtorch.core.facts import RemovableHandle
from jtorch.core.grad import enable_grad
from jtorch.core.tensor import Tensor

required = object()  # marks a setting without a default: `dict(lr=required)`
_global_pre: dict = OrderedDict()
_global_post: dict = OrderedDict()


def register_optimizer_step_pre_hook(hook):
    """Call `hook(optimizer, args, kwargs)` before every optimizer's step."""
    return _add_step_hook(_global_pre, hook)


def register_optimizer_step_post_hook(hook):
    """Call `hook(optimizer, args, kwargs)` after every optimizer's step."""
    return _add_step_hook(_global_post, hook)


def _add_step_hook(hooks, hook, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class Optimizer:
    """Base of all optimizers: holds `param_groups` and `state`. A subclass defines `step`.

    Args:
        params: tensors, (name, tensor) pairs, or dicts of settings with a "params" key, one per group.
        defaults: the settings of a group that does not name its own.

    Raises:
        TypeError: params is a tensor, or contains something that is not a tensor.
        ValueError: there are no parameters, or one is not a leaf.

    >>> class Half(torch.optim.Optimizer):
    ...     @torch.no_grad()
    ...     def step(self):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 p.mul_(0.5)
    >>> w = torch.ones(2, requires_grad=True)
    >>> Half([w], {}).step()
    >>> w.detach()
    tensor([0.5000, 0.5000])
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _submitting(cls.__dict__["step"])

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._optimizer_step_pre_hooks = OrderedDict()
        self._optimizer_step_post_hooks = OrderedDict()
        self._optimizer_state_dict_pre_hooks = OrderedDict()
        self._optimizer_state_dict_post_hooks = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks = OrderedDict()
        self._optimizer_load_state_dict_post_hooks = OrderedDict()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + params.type()
            )
        if defaults.get("fused"):
            if defaults.get("differentiable"):
                raise RuntimeError("`fused` does not support `differentiable`")
            if defaults.get("foreach"):
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        # The lines that made the parameters and the data are not a part of the first step, so it is the same program as
        # the second.
        engine.flush()

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        for name in (
            "step_pre",
            "step_post",
            "state_dict_pre",
            "state_dict_post",
            "load_state_dict_pre",
            "load_state_dict_post",
        ):
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", OrderedDict())

    def __repr__(self):
        text = self.__class__.__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    def add_param_group(self, param_group):
        """Optimize more parameters, with settings of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
                "between runs. Please use a list instead."
            )
        params = list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
            params = [p for _, p in params]
        param_group["params"] = params
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not self.defaults.get("differentiable", None) and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
                "github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        if any(("param_names" in g) != bool(names) for g in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. "
                f"cannot add param group {'with' if names else 'without'} names to the optimizer"
            )
        held = set(chain.from_iterable(g["params"] for g in self.param_groups))
        if not held.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True):
        """Set the gradients of all parameters to None, or with `set_to_none=False` to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    grad = p._gradient()
                    grad.detach_() if grad.grad_fn is not None else grad.requires_grad_(False)
                    grad.zero_()

    def step(self, closure=None):
        """Update the parameters from their gradients."""
        raise NotImplementedError

    # ---- state

    def state_dict(self):
        """The state and the settings in PyTorch's layout, where a parameter is a number."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers, start = {}, 0

        def packed(group):
            nonlocal start
            numbers.update({id(p): i for i, p in enumerate(group["params"], start) if id(p) not in numbers})
            start += len(group["params"])
            return {k: v for k, v in group.items() if k != "params"} | {
                "params": [numbers[id(p)] for p in group["params"]]
            }

        groups = [packed(g) for g in self.param_groups]
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        made = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            made = hook(self, made) or made
        return made

    def load_state_dict(self, state_dict):
        """Restore what `state_dict` of such an optimizer returned, in jtorch or in PyTorch.

        Raises:
            ValueError: the number of groups or of parameters differs.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            state_dict = hook(self, state_dict) or state_dict
        mine, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(mine) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(g["params"]) != len(s["params"]) for g, s in zip(mine, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        by_number = dict(
            zip(
                chain.from_iterable(s["params"] for s in saved),
                chain.from_iterable(g["params"] for g in mine),
                strict=True,
            )
        )
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = by_number.get(key)
            state[key if p is None else p] = value if p is None else _cast_state(p, value)
        groups = []
        for g, s in zip(mine, saved, strict=True):
            s["params"] = g["params"]
            if "param_names" in g and "param_names" not in s:
                s["param_names"] = g["param_names"]
            groups.append(s)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # ---- hooks

    def register_step_pre_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new (args, kwargs)."""
        return _add_step_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return _add_step_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` before `state_dict`."""
        return _add_step_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` after `state_dict`."""
        return _add_step_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` before `load_state_dict`."""
        return _add_step_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` after `load_state_dict`."""
        return _add_step_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _cast_state(p, value, key=None):
    """Loaded state on the parameter's device and in its dtype; "step" stays as it is."""
    if isinstance(value, Tensor):
        if key == "step":
            return value
        made = value.to(dtype=p.dtype, device=p.device) if p.is_floating_point() else value.to(device=p.device)
        return p._around(made) if made.shape == p.shape else made
    if isinstance(value, dict):
        return {k: _cast_state(p, v, k) for k, v in value.items()}
    return type(value)(_cast_state(p, v) for v in value) if isinstance(value, list | tuple) else value


def _submitting(step):
    """`step` with its hooks. At its end the training step is submitted."""
    if getattr(step, "submits", False):
        return step

    @functools.wraps(step)
    def submitted(self, *args, **kwargs):
        if not hasattr(self, "_optimizer_step_pre_hooks"):  # `Optimizer.__init__` never ran: PyTorch calls no hooks
            out = step(self, *args, **kwargs)
            engine.local.trace.submit()
            return out
        if self._optimizer_step_pre_hooks or _global_pre:
            for hook in chain(_global_pre.values(), self._optimizer_step_pre_hooks.values()):
                seen = hook(self, args, kwargs)
                if seen is not None:
                    if not (isinstance(seen, tuple) and len(seen) == 2):
                        raise RuntimeError(
                            f"{step} must return None or a tuple of (new_args, new_kwargs), but got {seen}."
                        )
                    args, kwargs = seen
        out = step(self, *args, **kwargs)
        self._opt_called = True
        if self._optimizer_step_post_hooks or _global_post:
            for hook in chain(self._optimizer_step_post_hooks.values(), _global_post.values()):
                hook(self, args, kwargs)
        engine.local.trace.submit()
        return out

    submitted.submits = True
    return submitted


def closure_loss(closure):
    """The loss that the closure returns, with gradients enabled; None without a closure."""
    if closure is None:
        return None
    with enable_grad():
        return closure()
