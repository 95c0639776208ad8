"""`ExportedProgram`: what `export` makes, `save` writes and `load` reads. `jax.export` does the work."""

from __future__ import annotations

import inspect
import os
import struct
import sys
import types

import jax
from jax import export as jax_export

from jtorch.core.facts import dtypes, flatten_tree, map_tree
from jtorch.core.grad import grad_enabled
from jtorch.core.methods import functionalize
from jtorch.core.tensor import Tensor, jax_array_of, tensor_from_jax
from jtorch.nn import Module


class ExportedProgram:
    """A module as one program for inputs of fixed shapes, its weights inside.

    Attributes:
        exported: the `jax.export.Exported`, whose `call` takes and returns JAX arrays.
        example_inputs: (args, kwargs) that it was made with; None if it was read from a file.

    Differs from torch: there is no graph of operators (`graph`, `graph_module`, `graph_signature`,
    `run_decompositions`), but `str(program)` is the StableHLO text. The weights are constants of the program: `module()`
    has no parameters, and refuses inputs that require gradients.
    """

    def __init__(self, exported, names=None, state_dict=None, example_inputs=None):
        self.exported = exported
        self.example_inputs = example_inputs
        self._state_dict = state_dict
        self._names = names or [f"input {i}" for i in range(len(exported.in_avals))]

    @property
    def state_dict(self):
        """{name: tensor} of the module that was exported.

        Raises:
            NotImplementedError: the program was read from a file, where the weights are constants of the program.
        """
        if self._state_dict is None:
            raise NotImplementedError("a program read from a file has its weights as constants, not as a state_dict")
        return self._state_dict

    def module(self, check_guards=True):
        """The program as an `nn.Module` that takes and returns tensors."""
        return _ProgramModule(self)

    def save(self, f) -> None:
        """`torch.export.save(self, f)`."""
        save(self, f)

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Unable to call ExportedProgram directly. You should use `exported_program.module()` instead."
        )

    def __str__(self):
        return self.exported.mlir_module()


class _ProgramModule(Module):
    """An exported program, called with tensors."""

    def __init__(self, program):
        super().__init__()
        self._program = program

    def forward(self, *args, **kwargs):
        program = self._program
        if grad_enabled() and any(isinstance(a, Tensor) and a.requires_grad for a in flatten_tree((args, kwargs))[0]):
            raise NotImplementedError("gradients through an exported program: detach() what it is called with")
        args, kwargs = _arrays_only((args, kwargs))
        given, tree = jax.tree.flatten((args, kwargs))
        if tree != program.exported.in_tree:
            raise ValueError(
                f"Trying to flatten user inputs with exported input tree spec: \n{program.exported.in_tree}\n"
                f"but actually got inputs with tree spec of: \n{tree}"
            )
        for name, array, aval in zip(program._names, given, program.exported.in_avals, strict=True):
            _guard(name, array, aval)
        with jax.enable_x64(True):
            return map_tree(_as_tensor_again, program.exported.call(*args, **kwargs))

    def train(self, mode=True):
        """Refused: the program has the mode of the module that was exported."""
        raise NotImplementedError("Calling train() is not supported yet.")

    def eval(self):
        """Refused: the program has the mode of the module that was exported."""
        raise NotImplementedError("Calling eval() is not supported yet.")


def _guard(name, array, aval):
    if array.ndim != aval.ndim:
        raise AssertionError(f"Guard failed: {name}.dim() == {aval.ndim}")
    for i, n in enumerate(aval.shape):
        if array.shape[i] != n:
            raise AssertionError(f"Guard failed: {name}.size()[{i}] == {n}")
    if array.dtype != aval.dtype:
        raise AssertionError(f"Guard failed: {name}.dtype == {dtypes.of(aval.dtype)}")


def _arrays_only(tree):
    """Tensors as arrays; what is not a tensor becomes None, which has no leaves: it is part of the program."""
    return map_tree(
        lambda a: jax_array_of(a) if isinstance(a, Tensor) else a if isinstance(a, jax.Array) else None, tree
    )


def _as_tensor_again(array):
    return tensor_from_jax(array) if isinstance(array, jax.Array) else array


def export(
    mod,
    args,
    kwargs=None,
    *,
    dynamic_shapes=None,
    strict=False,
    preserve_module_call_signature=(),
    prefer_deferred_runtime_asserts_over_guards=False,
    platforms=None,
):
    """A module, in the mode it is in, as one StableHLO program with its weights.

    Args:
        mod: an `nn.Module`.
        args: a tuple of example arguments: tensors, or lists, tuples and dictionaries of them. The shapes and dtypes are the
            program's; whatever is not a tensor becomes part of it.
        kwargs: the same by name.
        platforms: what it is to run on, a list of "cpu", "cuda", "rocm", "tpu"; by default what JAX runs on here.
        dynamic_shapes: None only. `strict` and the rest are options of PyTorch's tracer, and have no effect.

    Raises:
        RuntimeError: the module draws random numbers or writes to its buffers, as dropout and batch normalization do in
            training: call `eval()` on it first.
        NotImplementedError: `dynamic_shapes` are asked for.

    Differs from torch: see `ExportedProgram`. Without jtorch:
    `jax.export.deserialize(bytearray(open(path, "rb").read())).call(x)`; where 64-bit types go in or out, under
    `jax.enable_x64(True)`.

    >>> model = torch.nn.Linear(2, 1).eval()
    >>> program = torch.export.export(model, (torch.ones(3, 2),))
    >>> x = torch.randn(3, 2)
    >>> torch.allclose(program.module()(x), model(x).detach())
    True
    """
    if not isinstance(mod, Module):
        raise ValueError(f"Expected `mod` to be an instance of `torch.nn.Module`, got {type(mod)}.")
    if not isinstance(args, tuple):
        raise TypeError(f"Expecting `args` to be a tuple of example positional inputs, got {type(args)}")
    if _asks_for_dynamic(dynamic_shapes):
        raise NotImplementedError(
            "export with dynamic_shapes: XLA compiles for fixed shapes; export once for each shape"
        )
    kwargs = dict(kwargs or {})
    pure, parameters, buffers = functionalize(mod, buffers=True)

    def program(*arrays, **named):
        whole_args, whole_kwargs = _with_arrays((args, kwargs), (arrays, named))
        result, after = pure(parameters, buffers, *whole_args, **whole_kwargs)
        written = [name for name in buffers if after[name] is not buffers[name]]
        if written:
            raise RuntimeError(f"export: the module writes to its buffers {written}: call eval() on it first")
        return result

    program.__name__ = type(mod).__name__
    arrays, named = _arrays_only((args, kwargs))
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (arrays, named))
    with jax.enable_x64(True):
        made = jax_export.export(jax.jit(program), platforms=platforms)(*shapes[0], **shapes[1])
    state = {name: t.detach().clone() for name, t in mod.state_dict().items()}
    return ExportedProgram(made, _names_of(mod, arrays, named), state, (args, kwargs))


def _asks_for_dynamic(shapes):
    """Whether there is anything but None in nested dictionaries and sequences."""
    if isinstance(shapes, dict):
        return any(map(_asks_for_dynamic, shapes.values()))
    if isinstance(shapes, tuple | list):
        return any(map(_asks_for_dynamic, shapes))
    return shapes is not None and not isinstance(shapes, int)


def _with_arrays(examples, arrays):
    """The examples with arrays in place of tensors."""
    given = iter(jax.tree.leaves(arrays))
    return map_tree(lambda a: next(given) if isinstance(a, Tensor | jax.Array) else a, examples)


def _names_of(mod, args, kwargs):
    """How a guard names each input: by the parameters of `forward`."""
    try:
        bound = inspect.signature(mod.forward).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return None
    named = [
        name if count == 1 else f"{name}[{i}]"
        for name, value in bound.items()
        for count in [len(jax.tree.leaves(value))]
        for i in range(count)
    ]
    return named if len(named) == len(jax.tree.leaves((args, kwargs))) else None


def save(ep, f, *, extra_files=None, opset_version=None, pickle_protocol=2) -> None:
    """Write an exported program to a path or file: the bytes of `jax.export`, which `jax.export.deserialize` reads.

    Raises:
        TypeError: `ep` is not an ExportedProgram.
        NotImplementedError: `extra_files` were given.
        ImportError: flatbuffers is not installed, with which `jax.export` writes: the extra `export` has it.

    Differs from torch: the file is not a `.pt2` archive, and PyTorch does not read it.
    """
    if not isinstance(ep, ExportedProgram):
        raise TypeError(
            f"The 'ep' parameter must be an instance of 'ExportedProgram', got '{type(ep).__name__}' instead."
        )
    if extra_files:
        raise NotImplementedError("torch.export.save with extra_files: the file is one serialized program")
    data = bytes(ep.exported.serialize())
    if hasattr(f, "write"):
        f.write(data)
        return
    beside = f"{os.fspath(f)}.{os.getpid()}.part"  # an export that fails half-way leaves the old file
    try:
        with open(beside, "wb") as file:
            file.write(data)
        os.replace(beside, f)
    finally:
        if os.path.exists(beside):
            os.remove(beside)


def load(f, *, extra_files=None, expected_opset_version=None):
    """Read what `save` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: the file is not an exported program, or is cut off.
    """
    if hasattr(f, "read"):
        data = f.read()
    else:
        with open(f, "rb") as file:
            data = file.read()
    try:
        return ExportedProgram(jax_export.deserialize(bytearray(data)))
    except (struct.error, ValueError, IndexError, KeyError, AttributeError, TypeError, UnicodeDecodeError) as error:
        raise RuntimeError(f"{f!r} is not an exported program, or is cut off: {error}") from error


class _CallableModule(types.ModuleType):
    """The class of the module `jtorch.export`, so that `jtorch.export(module, args)` is `jtorch.export.export(module, args)`."""

    def __call__(self, mod, args, kwargs=None, **options):
        return export(mod, args, kwargs, **options)


sys.modules["jtorch.export"].__class__ = _CallableModule
