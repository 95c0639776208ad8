"""Hooks of modules: how they are registered, and the forward pass that runs them.

Hooks are registered for one module (`Hooked`) or for all (`register_module_...`). A hook sees gradients through two
identity functions in the gradient graph, one before and one after the module. A module without hooks does not call
`call_with_hooks`.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from functools import partial

from jtorch.autograd import Function
from jtorch.core.facts import RemovableHandle
from jtorch.core.grad import grad_enabled
from jtorch.core.ops.make.create import zeros
from jtorch.core.tensor import Tensor

global_forward_pre_hooks: OrderedDict = OrderedDict()
global_forward_hooks: OrderedDict = OrderedDict()
global_forward_hooks_always_called: OrderedDict = OrderedDict()
global_forward_hooks_with_kwargs: OrderedDict = OrderedDict()
global_backward_pre_hooks: OrderedDict = OrderedDict()
global_backward_hooks: OrderedDict = OrderedDict()
global_module_registration_hooks: OrderedDict = OrderedDict()
global_parameter_registration_hooks: OrderedDict = OrderedDict()
global_buffer_registration_hooks: OrderedDict = OrderedDict()

_MIXED = "Cannot use both regular backward hooks and full backward hooks {}. Please use only one of them."
_global_hooks_are_full: bool | None = (
    None  # True: the global backward hooks are full ones; None: none was ever registered
)


def call_with_hooks(module, args, kwargs):
    """`module.forward(*args, **kwargs)` with every hook around it."""
    result, done = None, set()
    try:
        for hook, takes_kwargs in _forward_pre_hooks(module):
            args, kwargs = _run_pre_hook(hook, takes_kwargs, module, args, kwargs)
        full, legacy, pre = _backward_hooks(module)
        watch = BackwardHook(module, full, pre) if full or pre else None
        if watch is not None:
            args = watch.setup_input_hook(args)
        result = module.forward(*args, **kwargs)
        for id, hook, takes_kwargs, always in _forward_hooks(module):
            if always:
                done.add(id)
            seen = hook(module, args, kwargs, result) if takes_kwargs else hook(module, args, result)
            if seen is not None:
                result = seen
        if watch is not None:
            result = watch.setup_output_hook(result)
        if legacy:
            _setup_legacy(module, legacy, args, result)
        return result
    except Exception:
        _run_always_called(module, args, kwargs, result, done)
        raise


def _forward_pre_hooks(module):
    with_kwargs = module._forward_pre_hooks_with_kwargs
    mine = [(hook, id in with_kwargs) for id, hook in module._forward_pre_hooks.items()]
    return [(hook, False) for hook in global_forward_pre_hooks.values()] + mine


def _forward_hooks(module):
    """(id, hook, takes kwargs, is always called) of the global hooks and then the module's own."""
    tables = (
        (global_forward_hooks, global_forward_hooks_with_kwargs, global_forward_hooks_always_called),
        (module._forward_hooks, module._forward_hooks_with_kwargs, module._forward_hooks_always_called),
    )
    return [(id, f, id in kwargs, id in always) for hooks, kwargs, always in tables for id, f in hooks.items()]


def _run_pre_hook(hook, takes_kwargs, module, args, kwargs):
    if not takes_kwargs:
        seen = hook(module, args)
        return args if seen is None else seen if isinstance(seen, tuple) else (seen,), kwargs
    seen = hook(module, args, kwargs)
    if seen is None:
        return args, kwargs
    if not isinstance(seen, tuple) or len(seen) != 2:
        raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {seen}.")
    return seen


def _run_always_called(module, args, kwargs, result, done):
    """After an exception, run the hooks with `always_call` that have not run. What they raise becomes a warning."""
    for id, hook, takes_kwargs, always in _forward_hooks(module):
        if not always or id in done:
            continue
        try:
            seen = hook(module, args, kwargs, result) if takes_kwargs else hook(module, args, result)
            if seen is not None:
                result = seen
        except Exception as error:
            which = "global module" if id in global_forward_hooks else "module"
            warnings.warn(
                f"{which} forward hook with ``always_call=True`` raised an exception that was silenced as"
                f" another error was raised in forward: {error}",
                stacklevel=4,
            )


# Gradients of a module's inputs and outputs


def _backward_hooks(module):
    """(full, legacy, pre): the backward hooks that apply to this module, global ones first."""
    if not (module._backward_hooks or module._backward_pre_hooks or global_backward_hooks or global_backward_pre_hooks):
        return (), (), ()
    of = {True: [], False: [], None: []}
    of[_global_hooks_are_full] += global_backward_hooks.values()
    of[module._is_full_backward_hook] += module._backward_hooks.values()
    return of[True], of[False], [*global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]


class BackwardHookFunction(Function):
    """The identity. Its backward returns what a function makes of the gradients."""

    @staticmethod
    def forward(ctx, show, *tensors):
        ctx.show = show
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx, *grads):
        return None, *ctx.show(grads)


class BackwardHook:
    """The hooks that see the gradients of one forward pass.

        args ──> identity ──> forward ──> identity ──> result
                    │                        │
        hooks(grad of args, grad of result)  pre-hooks(grad of result)

    The backward pass reaches the right identity first, which runs the pre-hooks and keeps the gradients for the left one.
    """

    def __init__(self, module, hooks, pre_hooks):
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs = None
        self.inputs = self.outputs = None  # indices of the watched arguments and results
        self.like = None  # (shape, dtype, device) of the watched arguments

    def setup_input_hook(self, args):
        self.n_inputs = len(args)
        self.inputs, args = _watch(args, self._show_inputs)
        if self.inputs is not None:
            self.like = [(args[i].shape, args[i].dtype, args[i].device) for i in self.inputs]
        return args

    def setup_output_hook(self, result):
        if not isinstance(result, Tensor | tuple):
            warnings.warn(
                f"For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        results = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(results)
        self.outputs, results = _watch(results, self._show_outputs)
        return results if isinstance(result, tuple) else results[0]

    def _show_outputs(self, grads):
        self.grad_outputs = seen = _at_positions(grads, self.outputs, self.n_outputs)
        for hook in self.pre_hooks:
            returned = hook(self.module, seen)
            if returned is not None:
                seen = self.grad_outputs = _check_count(returned, seen, "Backward pre hook", "grad_output")
        if self.inputs is None:
            self._show_without_inputs()
        return _watched_gradients(seen, self.outputs, grads)

    def _show_without_inputs(self):
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since"
            " no inputs require gradients. See"
            " https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook"
            " for more details.",
            stacklevel=4,
        )
        grad_outputs, self.grad_outputs = self.grad_outputs, None
        for hook in self.hooks:
            returned = hook(self.module, (None,) * self.n_inputs, grad_outputs)
            if returned is not None and any(grad is not None for grad in returned):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for all gradients."
                )

    def _show_inputs(self, grads):
        grads = [
            zeros(shape, dtype=dtype, device=device) if grad is None else grad
            for grad, (shape, dtype, device) in zip(grads, self.like, strict=True)
        ]
        if self.grad_outputs is None:  # this gradient did not come through the module's output
            return grads
        grad_outputs, self.grad_outputs = self.grad_outputs, None
        seen = _at_positions(grads, self.inputs, self.n_inputs)
        for hook in self.hooks:
            returned = hook(self.module, seen, grad_outputs)
            if returned is not None:
                seen = _check_count(returned, seen, "Backward hook", "grad_input")
        return _watched_gradients(seen, self.inputs, grads)


def _watch(values, show):
    """(positions of the tensors, values after an identity); (None, values) where no gradient is computed."""
    at = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    if not grad_enabled() or not any(values[i].requires_grad for i in at):
        return None, values
    watched = list(values)
    for i, t in zip(at, BackwardHookFunction.apply(show, *[values[i] for i in at]), strict=True):
        watched[i] = t
    return at, type(values)(*watched) if hasattr(values, "_fields") else tuple(watched)


def _at_positions(grads, at, n):
    spread = [None] * n
    for i, grad in zip(at, grads, strict=True):
        spread[i] = grad
    return tuple(spread)


def _check_count(returned, expected, who, what):
    if len(returned) != len(expected):
        raise RuntimeError(
            f"{who} returned an invalid number of {what}, got {len(returned)}, but expected {len(expected)}"
        )
    return returned


def _watched_gradients(seen, at, grads):
    """The gradients of the watched tensors after the hooks. Raises if a hook changed their type, dtype or shape."""
    picked = [seen[i] for i in at]
    for new, old in zip(picked, grads, strict=True):
        if new is None or new is old:
            continue
        if not isinstance(new, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
        if old is not None and new.dtype != old.dtype:
            raise RuntimeError(f"hook 'hook' has changed the type of value (was {old.type()} got {new.type()})")
        if old is not None and new.shape != old.shape:
            raise RuntimeError("hook 'hook' has changed the size of value")
    return picked


# The old kind of backward hook, which sees the last node of a forward pass only


def _setup_legacy(module, hooks, args, result):
    first = result
    while not isinstance(first, Tensor):
        first = next(v for v in first.values() if isinstance(v, Tensor)) if isinstance(first, dict) else first[0]
    node = first.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(partial(hook, module))
    reason = _legacy_gap(args, result, node)
    if reason is not None:
        warnings.warn(f"Using {reason}", FutureWarning, stacklevel=5)


def _legacy_gap(args, result, node):
    """PyTorch's warning about the gradients that such a hook does not see; None if it sees all."""
    documented = " Please use register_full_backward_hook to get the documented behavior."
    removed = "is deprecated and will be removed in future versions. This hook will be missing some"
    results = (result,) if isinstance(result, Tensor) else result
    if not isinstance(results, tuple) or not all(isinstance(r, Tensor) for r in results):
        return (
            "non-full backward hooks on a Module that does not return a single Tensor or a tuple of Tensors"
            f" {removed} of the grad_output.{documented}"
        )
    if not all(isinstance(a, Tensor) for a in args):
        return (
            "non-full backward hooks on a Module that does not take as input a single Tensor or a tuple of"
            f" Tensors {removed} of the grad_input.{documented}"
        )
    nodes = {r.grad_fn for r in results} - {None}
    if len(nodes) > 1:
        return f"a non-full backward hook when outputs are generated by different autograd Nodes {removed} grad_output.{documented}"
    if {a.grad_fn for a in args} - {None} != {following for following, _ in node.next_functions}:
        return f"a non-full backward hook when the forward contains multiple autograd Nodes {removed} grad_input.{documented}"
    return None


# Hooks that every module has


def _add_module_hook(table, hook, *marks):
    handle = RemovableHandle(table, extra_dict=list(marks))
    for mark in marks:
        mark[handle.id] = True
    table[handle.id] = hook
    return handle


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """Call `hook(module, args)` before every module's forward; what it returns replaces the arguments."""
    return _add_module_hook(global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """Call `hook(module, args, output)` after every module's forward; what it returns replaces the output."""
    marks = [global_forward_hooks_with_kwargs] * with_kwargs + [global_forward_hooks_always_called] * always_call
    return _add_module_hook(global_forward_hooks, hook, *marks)


def register_module_full_backward_pre_hook(hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` before gradients pass backward through any module."""
    return _add_module_hook(global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when the gradients of any module's inputs are known."""
    return _register_global_backward(hook, full=True)


def register_module_backward_hook(hook) -> RemovableHandle:
    """The old form of `register_module_full_backward_hook`: it sees the last node of a forward pass only."""
    return _register_global_backward(hook, full=False)


def _register_global_backward(hook, full):
    global _global_hooks_are_full
    if _global_hooks_are_full is (not full):
        raise RuntimeError(_MIXED.format("as a global Module hook"))
    _global_hooks_are_full = full
    return _add_module_hook(global_backward_hooks, hook)


def register_module_module_registration_hook(hook) -> RemovableHandle:
    """Call `hook(module, name, submodule)` whenever a module takes a child; it may return another child."""
    return _add_module_hook(global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook) -> RemovableHandle:
    """Call `hook(module, name, parameter)` whenever a module takes a parameter; it may return another one."""
    return _add_module_hook(global_parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever a module takes a buffer; it may return another one."""
    return _add_module_hook(global_buffer_registration_hooks, hook)


def at_registration(table, module, name, value):
    """The value that a module will keep, after the registration hooks."""
    for hook in table.values():
        returned = hook(module, name, value)
        if returned is not None:
            value = returned
    return value


# The hooks of one module


class WithModule:
    """Marks a hook that takes the module as its first argument, so that the hook holds no reference to the module."""

    __slots__ = ("hook",)

    def __init__(self, hook):
        self.hook = hook


class Hooked:
    """The part of Module that registers hooks. Each method returns a handle whose `remove()` removes the hook."""

    def _hook(self, table, hook, prepend=False, **marks):
        """Register a hook. `marks`: names of tables that describe hooks, and whether this hook belongs in them."""
        tables = [getattr(self, name) for name, marked in marks.items() if marked]
        handle = RemovableHandle(table, extra_dict=tables)
        table[handle.id] = hook
        for marked in tables:
            marked[handle.id] = True
        if prepend:
            table.move_to_end(handle.id, last=False)
        return handle

    def register_forward_pre_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False):
        """Call `hook(module, args)` before forward; what it returns replaces the arguments.

        Args:
            prepend: run before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs)`, which returns None or (args, kwargs).

        """
        return self._hook(self._forward_pre_hooks, hook, prepend, _forward_pre_hooks_with_kwargs=with_kwargs)

    def register_forward_hook(
        self, hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ):
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.

        Args:
            prepend: run before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs, output)`.
            always_call: run it also when forward raises, with output None.
        """
        return self._hook(
            self._forward_hooks,
            hook,
            prepend,
            _forward_hooks_with_kwargs=with_kwargs,
            _forward_hooks_always_called=always_call,
        )

    def register_full_backward_pre_hook(self, hook, prepend: bool = False):
        """Call `hook(module, grad_output)` before gradients pass backward; what it returns replaces them."""
        return self._hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook, prepend: bool = False):
        """Call `hook(module, grad_input, grad_output)` when the arguments' gradients are known.

        Both are tuples, one entry for each positional argument and each output, None where it is no tensor.
        What the hook returns replaces grad_input.
        """
        return self._backward_hook(hook, prepend, full=True)

    def register_backward_hook(self, hook):
        """The old form of `register_full_backward_hook`: it sees the last node of forward only."""
        return self._backward_hook(hook, False, full=False)

    def _backward_hook(self, hook, prepend, full):
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(_MIXED.format("on a single Module"))
        self._is_full_backward_hook = full
        return self._hook(self._backward_hooks, hook, prepend)

    def register_state_dict_pre_hook(self, hook):
        """Call `hook(module, prefix, keep_vars)` before `state_dict` collects."""
        return self._hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict`; it may change it."""
        hook._from_public_api = True
        return self._hook(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        """As `register_state_dict_post_hook`, for a hook that may return another dictionary."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously"
                " registered via register_state_dict_post_hook"
            )
        return self._hook(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call a hook before this module is loaded.

        Its arguments: module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        """As `register_load_state_dict_pre_hook`; the hook gets the module only if `with_module`."""
        return self._hook(self._load_state_dict_pre_hooks, WithModule(hook) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook):
        """Call `hook(module, incompatible_keys)` after loading; it may change the lists of keys."""
        return self._hook(self._load_state_dict_post_hooks, hook)
