"""The ways to cut a module: by columns, by rows, along the sequence. And what its inputs and outputs become."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jtorch.core.tensor import Tensor
from jtorch.distributed.tensor._api import DTensor, distribute_tensor
from jtorch.distributed.tensor._makers import distribute_module
from jtorch.distributed.tensor.placement_types import Replicate, Shard
from jtorch.nn.modules.linear import Linear
from jtorch.nn.modules.sparse import Embedding
from jtorch.nn.parameter import Parameter

__all__ = [
    "ColwiseParallel",
    "ParallelStyle",
    "PrepareModuleInput",
    "PrepareModuleInputOutput",
    "PrepareModuleOutput",
    "RowwiseParallel",
    "SequenceParallel",
]


class ParallelStyle(ABC):
    """How one module is cut: a subclass defines `_apply(module, mesh)`."""

    src_data_rank = 0

    @abstractmethod
    def _apply(self, module, device_mesh):
        """Cut the module, in place. Returns it."""

    def _cut(self, module, name, placement, mesh):
        p = module._parameters.get(name)
        if p is not None:
            made = distribute_tensor(p.detach(), mesh, [placement], src_data_rank=self.src_data_rank)
            module.register_parameter(name, Parameter(made, p.requires_grad))


def _placed_input(value, mesh, layout, wanted):
    """A tensor with the placement `layout` as a DTensor with the placement `wanted`."""
    if not isinstance(value, Tensor):
        return value
    if not isinstance(value, DTensor):
        value = DTensor.from_local(value, mesh, [layout])
    return value.redistribute(mesh, [wanted]) if value.placements != (wanted,) else value


def _placed_output(value, mesh, layout, use_local):
    if not isinstance(value, DTensor):
        return value
    value = value.redistribute(mesh, [layout]) if value.placements != (layout,) else value
    return value.to_local() if use_local else value


class ColwiseParallel(ParallelStyle):
    """A Linear cut by its outputs, or an Embedding by its columns.

    Args:
        input_layouts: the placement of the input; default: Replicate.
        output_layouts: the placement of the result; default: Shard(-1).
        use_local_output: whether the result is this process's tensor and not a DTensor.

    >>> torch.distributed.tensor.parallel.ColwiseParallel().use_local_output
    True
    """

    _needs, _gives = Replicate(), Shard(-1)

    def __init__(self, *, input_layouts=None, output_layouts=None, use_local_output=True):
        self.input_layouts = (input_layouts or self._needs,)
        self.output_layouts = (output_layouts or self._gives,)
        self.use_local_output = use_local_output

    def _partition(self, name, module, mesh):
        if isinstance(module, Linear):
            self._cut(module, "weight", Shard(0), mesh)
            self._cut(module, "bias", Shard(0), mesh)
        elif isinstance(module, Embedding):
            self._cut(module, "weight", Shard(1), mesh)
        else:
            raise NotImplementedError(f"{type(self).__name__} currently only support nn.Linear and nn.Embedding!")

    def _wanted(self, module):
        return Replicate()

    def _apply(self, module, device_mesh):
        wanted = self._wanted(module)
        before = lambda m, inputs, mesh: (_placed_input(inputs[0], mesh, self.input_layouts[0], wanted), *inputs[1:])
        after = lambda m, outputs, mesh: _placed_output(outputs, mesh, self.output_layouts[0], self.use_local_output)
        return distribute_module(module, device_mesh, self._partition, before, after)


class RowwiseParallel(ColwiseParallel):
    """A Linear cut by its inputs, or an Embedding by its rows: each process computes a part of the sum.

    Args:
        input_layouts: the placement of the input; default: Shard(-1).
        output_layouts: the placement of the result; default: Replicate.
        use_local_output: whether the result is this process's tensor and not a DTensor.
    """

    _needs, _gives = Shard(-1), Replicate()

    def _partition(self, name, module, mesh):
        if isinstance(module, Linear):
            self._cut(module, "weight", Shard(1), mesh)
            self._cut(module, "bias", Replicate(), mesh)
        elif isinstance(module, Embedding):
            self._cut(module, "weight", Shard(0), mesh)
        else:
            raise NotImplementedError(f"{type(self).__name__} currently only support nn.Linear and nn.Embedding!")

    def _wanted(self, module):
        return Replicate() if isinstance(module, Embedding) else Shard(-1)


class SequenceParallel(ParallelStyle):
    """A LayerNorm, RMSNorm or Dropout on parts of the sequence. Its parameters are replicated.

    Args:
        sequence_dim: the dimension of the sequence in the input.
        use_local_output: whether the result is this process's tensor and not a DTensor.
    """

    def __init__(self, *, sequence_dim=1, use_local_output=False):
        self.sequence_sharding = (Shard(sequence_dim),)
        self.use_local_output = use_local_output

    def _apply(self, module, device_mesh):
        def before(m, inputs, mesh):
            placement = self.sequence_sharding[0]
            return (_placed_input(inputs[0], mesh, placement, placement), *inputs[1:])

        after = lambda m, outputs, mesh: outputs.to_local() if self.use_local_output else outputs
        return distribute_module(module, device_mesh, None, before, after)


def _layouts_given(layouts):
    return layouts if isinstance(layouts, tuple | list) else (layouts,)


class PrepareModuleInput(ParallelStyle):
    """Turns the inputs of a module into DTensors.

    Args:
        input_layouts: the placement of each input; None: leave the input as it is.
        desired_input_layouts: the placements that `forward` gets.
        input_kwarg_layouts, desired_input_kwarg_layouts: the same for those given by name.
        use_local_output: whether the module gets this process's tensors.

    Raises:
        AssertionError: not as many layouts are desired as there are.
    """

    def __init__(self, *, input_layouts=None, desired_input_layouts=None, input_kwarg_layouts=None,
                 desired_input_kwarg_layouts=None, use_local_output=False):  # fmt: skip
        self.input_layouts = None if input_layouts is None else _layouts_given(input_layouts)
        self.desired_input_layouts = None if desired_input_layouts is None else _layouts_given(desired_input_layouts)
        self.use_local_output = use_local_output
        self.input_kwarg_layouts = input_kwarg_layouts or {}
        self.desired_input_kwarg_layouts = desired_input_kwarg_layouts or {}
        if self.input_layouts is not None:
            if self.desired_input_layouts is None:
                raise AssertionError("desired module inputs should not be None!")
            if len(self.input_layouts) != len(self.desired_input_layouts):
                raise AssertionError("input_layouts and desired_input_layouts should have same length!")
        if self.input_kwarg_layouts.keys() != self.desired_input_kwarg_layouts.keys():
            raise AssertionError("input_kwarg_layouts and desired_input_kwarg_layouts should have same length!")

    def _one(self, value, mesh, layout, wanted):
        if layout is None:
            return value
        made = _placed_input(value, mesh, layout, wanted)
        return made.to_local() if self.use_local_output and isinstance(made, DTensor) else made

    def _prepared(self, mesh, inputs, kwargs):
        if self.input_layouts is not None:
            if len(inputs) != len(self.input_layouts):
                raise ValueError("module inputs and input_layouts should have same length!")
            inputs = tuple(
                [
                    self._one(v, mesh, layout, wanted)
                    for v, layout, wanted in zip(inputs, self.input_layouts, self.desired_input_layouts, strict=True)
                ]
            )
        wanted = self.desired_input_kwarg_layouts
        kwargs = {k: self._one(v, mesh, self.input_kwarg_layouts.get(k), wanted.get(k)) for k, v in kwargs.items()}
        return inputs, kwargs

    def _apply(self, module, device_mesh):
        hook = lambda m, inputs, kwargs: self._prepared(device_mesh, inputs, kwargs)
        module.register_forward_pre_hook(hook, with_kwargs=True)
        return module


class PrepareModuleOutput(ParallelStyle):
    """Changes the placements of the results of a module.

    Args:
        output_layouts: the placement of each result; None: leave the result as it is.
        desired_output_layouts: the placements that the caller gets.
        use_local_output: whether the results are this process's tensors.

    Raises:
        AssertionError: not as many layouts are desired as there are.
    """

    def __init__(self, *, output_layouts, desired_output_layouts, use_local_output=True):
        self.output_layouts, self.desired_output_layouts = (
            _layouts_given(output_layouts),
            _layouts_given(desired_output_layouts),
        )
        self.use_local_output = use_local_output
        if len(self.output_layouts) != len(self.desired_output_layouts):
            raise AssertionError("output_layouts and desired_output_layouts should have same length!")

    def _prepared(self, outputs, mesh):
        given = outputs if isinstance(outputs, tuple) else (outputs,)
        if len(given) != len(self.output_layouts):
            raise ValueError("module outputs and output_layouts should have same length!")
        made = []
        for value, layout, wanted in zip(given, self.output_layouts, self.desired_output_layouts, strict=True):
            if layout is not None:
                value = _placed_input(value, mesh, layout, wanted)
                value = value.to_local() if self.use_local_output and isinstance(value, DTensor) else value
            made.append(value)
        return tuple(made) if isinstance(outputs, tuple) else made[0]

    def _apply(self, module, device_mesh):
        module.register_forward_hook(lambda m, inputs, outputs: self._prepared(outputs, device_mesh))
        return module


class PrepareModuleInputOutput(ParallelStyle):
    """`PrepareModuleInput` and `PrepareModuleOutput` of one module."""

    def __init__(self, *, input_layouts=None, desired_input_layouts=None, input_kwarg_layouts=None,
                 desired_input_kwarg_layouts=None, use_local_input=False, output_layouts, desired_output_layouts,
                 use_local_output=True):  # fmt: skip
        self.prepare_module_input = PrepareModuleInput(
            input_layouts=input_layouts,
            desired_input_layouts=desired_input_layouts,
            input_kwarg_layouts=input_kwarg_layouts,
            desired_input_kwarg_layouts=desired_input_kwarg_layouts,
            use_local_output=use_local_input,
        )
        self.prepare_module_output = PrepareModuleOutput(
            output_layouts=output_layouts,
            desired_output_layouts=desired_output_layouts,
            use_local_output=use_local_output,
        )

    def _apply(self, module, device_mesh):
        self.prepare_module_input._apply(module, device_mesh)
        return self.prepare_module_output._apply(module, device_mesh)
