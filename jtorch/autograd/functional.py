"""`torch.autograd.functional`: Jacobians, Hessians and their products with vectors, of a function at a point."""

from __future__ import annotations

from jtorch.core.grad import enable_grad
from jtorch.core.methods import grad, jacfwd
from jtorch.core.ops.make.create import eye, zeros, zeros_like
from jtorch.core.tensor import Tensor


def _as_tuple(value, what, name):
    """(values as a tuple, whether they were one)."""
    if isinstance(value, tuple):
        pass
    elif isinstance(value, Tensor):
        return (value,), False
    else:
        raise TypeError(
            f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the given {what} has type {type(value)}."
        )
    for i, v in enumerate(value):
        if not isinstance(v, Tensor):
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the value at index {i} has type {type(v)}."
            )
    return value, True


def _results(value, name):
    what = "outputs of the user-provided function"
    return _as_tuple(value, what, name)


def _fresh_inputs(inputs, create_graph):
    """The inputs as variables. With `create_graph` they stay connected to their own history."""
    return tuple([i.view_as(i) if create_graph and i.requires_grad else i.detach().requires_grad_() for i in inputs])


def _finished(values, create_graph, several):
    if isinstance(values, tuple):
        values = tuple([_finished(v, create_graph, True) for v in values])
        return values if several else values[0]
    return values if create_graph else values.detach()


def _must_require_grad(outputs):
    """What `strict` asks of the outputs of the function."""
    for i, out in enumerate(outputs):
        if not out.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. "
                "The outputs must be computed in a differentiable manner from the input when running in strict mode."
            )


# Which derivative a step of these functions computes: what `strict` says of an input without one.
_OUTPUT = "The output of the user-provided function is independent of input {}. This is not allowed in strict mode."
_JACOBIAN = "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict mode."
_HESSIAN = "The hessian of the user-provided function is independent of input {}. This is not allowed in strict mode."


_ENTRY = (
    "The hessian of the user-provided function is independent of entry {} in the grad_jacobian. This is not allowed in strict"
    " mode as it prevents from using the double backward trick to replace forward mode AD."
)


def _grads(outputs, inputs, given, create_graph, unused=None, constant=None):
    """The gradients. An input that the outputs do not depend on gets zeros.

    unused: the error's text for an input that the outputs do not depend on, instead of zeros.
    constant: the error's text for a gradient that, with `create_graph`, depends on nothing.
    """
    pairs = [(o, g) for o, g in zip(outputs, given, strict=True) if o.requires_grad]
    found = [None] * len(inputs)
    if pairs:
        found = grad([o for o, _ in pairs], inputs, [g for _, g in pairs], True, create_graph, allow_unused=True)
    for i, g in enumerate(found):
        if g is None and unused is not None:
            raise RuntimeError(unused.format(i))
        if g is not None and create_graph and constant is not None and not g.requires_grad:
            raise RuntimeError(constant.format(i).replace("strict mode.", "strict mode when create_graph=True."))
    return [zeros_like(i) if g is None else g for g, i in zip(found, inputs, strict=True)]


def _checked_v(v, like, several, name, what):
    """The vectors v, checked against the shapes of the tensors in `like`, of which there are several."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
                if what == "outputs"
                else "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
            )
        return [zeros_like(like[0]).detach() + 1]
    given, _ = _as_tuple(v, "v", name)
    if len(given) != len(like):
        if several:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (g, t) in enumerate(zip(given, like, strict=True)):
        if g.shape != t.shape:
            prefix = f"Entry {i} in " if several else ""
            raise RuntimeError(f"{prefix}v has invalid size: should be {t.shape} but got {g.shape}.")
    return list(given)


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(`func(inputs)`, v times its Jacobian).

    Args:
        inputs: a tensor or a tuple.
        v: has the outputs' shape; may be left out if the output has one element.
        create_graph: keep the graph of both.
        strict: raise an error if an output does not depend on an input, instead of returning zeros.
    """
    with enable_grad():
        inputs, several = _as_tuple(inputs, "inputs", "vjp")
        variables = _fresh_inputs(inputs, create_graph)
        outputs, outputs_several = _results(func(*variables), "vjp")
        if strict:
            _must_require_grad(outputs)
        v = _checked_v(v, outputs, outputs_several, "vjp", "outputs")
        found = _grads(outputs, variables, v, create_graph, *([_OUTPUT, _JACOBIAN] if strict else []))
    return _finished(outputs, create_graph, outputs_several), _finished(tuple(found), create_graph, several)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(`func(inputs)`, its Jacobian times v), computed by two backward passes."""
    with enable_grad():
        inputs, inputs_several = _as_tuple(inputs, "inputs", "jvp")
        variables = _fresh_inputs(inputs, create_graph)
        v = _checked_v(v, variables, inputs_several, "jvp", "inputs")
        outputs, several = _results(func(*variables), "jvp")
        if strict:
            _must_require_grad(outputs)
        dummies = [zeros_like(o).detach().requires_grad_() for o in outputs]
        pulled = _grads(outputs, variables, dummies, True, _OUTPUT if strict else None)
        found = _grads(pulled, dummies, v, create_graph, None, _JACOBIAN if strict else None)
    return _finished(outputs, create_graph, several), _finished(tuple(found), create_graph, several)


def _jacobian_of(func, variables, create_graph, strict, vectorize):
    """([[d output / d input for each input] for each output], whether there are several outputs)."""
    outputs, several = _results(func(*variables), "jacobian")
    if strict:
        _must_require_grad(outputs)
        if vectorize:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. "
                "Please either set `strict=False` or `vectorize=False`."
            )
    return [_rows(out, i, variables, create_graph, strict) for i, out in enumerate(outputs)], several


def _rows(out, number, variables, create_graph, strict):
    """The Jacobian of one output with respect to each input, from one backward pass over a batch of unit vectors."""
    n = out.numel()
    if not out.requires_grad or not n:
        return [zeros((*out.shape, *v.shape), dtype=v.dtype, device=v.device) for v in variables]
    units = eye(n, dtype=out.dtype, device=out.device).reshape(n, *out.shape)
    found = grad(out, variables, units, True, create_graph, allow_unused=True, is_grads_batched=True)
    rows = []
    for j, (g, v) in enumerate(zip(found, variables, strict=True)):
        if g is None and strict:
            raise RuntimeError(
                f"Output {number} of the user-provided function is independent of input {j}. This is not allowed in strict mode."
            )
        if strict and create_graph and not g.requires_grad:
            raise RuntimeError(_JACOBIAN.format(number).replace("strict mode.", "strict mode when create_graph=True."))
        rows.append(
            zeros((*out.shape, *v.shape), dtype=v.dtype, device=v.device)
            if g is None
            else g.reshape(*out.shape, *v.shape)
        )
    return rows


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The derivative of every output with respect to every input. Each has the output's shape, then the input's.

    Args:
        create_graph: keep the graph of the Jacobian.
        strict: raise an error if an output does not depend on an input, instead of returning zeros.
        vectorize: accepted; all rows of an output are always computed together.
        strategy: "reverse-mode", or "forward-mode" with `vectorize`.

    >>> torch.autograd.functional.jacobian(torch.exp, torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    if strategy == "forward-mode":
        return _jacobian_by_jvp(func, inputs, create_graph, strict, vectorize)
    with enable_grad():
        inputs, several = _as_tuple(inputs, "inputs", "jacobian")
        variables = _fresh_inputs(inputs, create_graph)
        table, outputs_several = _jacobian_of(func, variables, create_graph, strict, vectorize)
    table = [_finished(tuple(row), create_graph, several) for row in table]
    return tuple(table) if outputs_several else table[0]


def _jacobian_by_jvp(func, inputs, create_graph, strict, vectorize):
    if create_graph:
        raise NotImplementedError(
            'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported together (yet). '
            'Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    if strict or not vectorize:
        raise (
            RuntimeError(
                'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported together (yet). '
                'Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
            if strict
            else NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
            )
        )
    inputs, several = _as_tuple(inputs, "inputs", "jacobian")
    found = jacfwd(func, tuple(range(len(inputs))))(*[i.detach() for i in inputs])
    outputs_several = isinstance(found[0], tuple)
    rows = found if outputs_several else (found,)
    rows = [tuple(row) if several else row[0] for row in rows]
    return tuple(rows) if outputs_several else rows[0]


def _with_scalar_output(func, strict, name):
    """The function, with a check that it returns one number."""

    def checked(*args):
        out = func(*args)
        outputs, several = _results(out, name)
        if strict:
            _must_require_grad(outputs)
        if several:
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if outputs[0].numel() != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
        return outputs[0].squeeze()

    return checked


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The second derivatives of a function that returns one number.

    >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.ones(2))
    tensor([[6., 0.],
            [0., 6.]])
    """
    inputs, several = _as_tuple(inputs, "inputs", "hessian")
    func = _with_scalar_output(func, strict, "hessian")

    def gradient(*variables):
        with enable_grad():
            variables = [v if v.requires_grad else v.requires_grad_() for v in variables]
            out = func(*variables)
            return tuple(_first(out, variables, strict, None))

    found = jacobian(gradient, inputs, create_graph, strict, vectorize)
    return found if several else found[0][0]


def _gradient_of(func, inputs, create_graph, strict, name):
    """(variables, value, gradient with its graph)."""
    variables = _fresh_inputs(inputs, create_graph)
    out = _with_scalar_output(func, strict, name)(*variables)
    return variables, out, _first(out, variables, strict, _OUTPUT if strict else None)


def _first(out, variables, strict, unused):
    """The gradient with its graph. With `strict` it must depend on the inputs."""
    found = _grads((out,), variables, (None,), True, unused)
    for i, g in enumerate(found):
        if strict and not g.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided function with respect to"
                f" input {i} is independent of the input. This is not allowed in strict mode. You should ensure that your"
                " function is twice differentiable and that the jacobian depends on the inputs (this would be violated by"
                " a linear function for example)."
            )
    return found


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(`func(inputs)`, v times its second derivatives)."""
    with enable_grad():
        inputs, several = _as_tuple(inputs, "inputs", "vhp")
        v = _checked_v(v, inputs, several, "vhp", "inputs")
        variables, out, first = _gradient_of(func, inputs, create_graph, strict, "vhp")
        found = _grads(first, variables, v, create_graph, *([_JACOBIAN, _HESSIAN] if strict else []))
    return _finished(out, create_graph, True), _finished(tuple(found), create_graph, several)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(`func(inputs)`, its second derivatives times v)."""
    with enable_grad():
        inputs, several = _as_tuple(inputs, "inputs", "hvp")
        v = _checked_v(v, inputs, several, "hvp", "inputs")
        variables, out, first = _gradient_of(func, inputs, create_graph, strict, "hvp")
        dummies = [zeros_like(f).detach().requires_grad_() for f in first]
        pulled = _grads(first, variables, dummies, True)
        found = _grads(pulled, dummies, v, create_graph, *([_ENTRY, _HESSIAN] if strict else []))
    return _finished(out, create_graph, True), _finished(tuple(found), create_graph, several)
