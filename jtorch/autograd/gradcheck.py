"""`torch.autograd.gradcheck`: compare gradients with differences of values.

Each element of an input is moved a little up and down, and the function evaluated there. The Jacobian of backward must
agree with the differences.
"""

from __future__ import annotations

import warnings

import numpy as np

from jtorch.autograd import forward_ad
from jtorch.core.grad import enable_grad
from jtorch.core.methods import grad, vmap
from jtorch.core.ops.gather.joining import stack
from jtorch.core.ops.make.create import zeros_like
from jtorch.core.ops.make.random import rand_like
from jtorch.core.tensor import Tensor
from jtorch.core.tensor import tensor as make_tensor


class GradcheckError(RuntimeError):
    """Gradients and differences do not agree."""


def _outputs(result):
    results = result if isinstance(result, tuple | list) else (result,)
    return [r for r in results if isinstance(r, Tensor) and r._type.differentiable]


def _wanted(inputs):
    return [(i, t) for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Whether the gradients of `func` at `inputs` agree with differences of its values, within `atol` and `rtol`.

    Args:
        inputs: the arguments; those that require grad are checked, and should have dtype float64.
        eps: how far to move an input for the differences.
        raise_exception: raise GradcheckError instead of returning False.
        check_forward_ad: check tangents, too.
        check_batched_grad: compare a batch of gradients with the same gradients computed one by one.
        check_batched_forward_grad: with check_forward_ad, the same of a batch of tangents.

    Raises:
        RuntimeError: an input has a dimension with stride 0: its elements cannot be moved one by one.
        AssertionError: the outputs have other shapes or dtypes where an input is moved.

    >>> x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.exp, x)
    True
    """
    if not check_forward_ad and not check_backward_ad:
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        _check_double_inputs(inputs)
        _check(func, inputs, eps, atol, rtol, nondet_tol, check_backward_ad, check_forward_ad, check_batched_grad)
        if check_batched_forward_grad and check_forward_ad:
            _check_batched_tangents(func, inputs)
        if check_undefined_grad and check_backward_ad:
            _check_undefined(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_double_inputs(inputs):
    if not _wanted(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, t in _wanted(inputs):
        if t.dtype.itemsize < (16 if t.dtype.is_complex else 8):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. "
                "This check will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=4,
            )
        if not t.is_sparse and any(stride == 0 and size > 1 for stride, size in zip(t.stride(), t.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be"
                " able to compute the numerical gradients correctly. You should call .contiguous on the input before passing"
                " it to gradcheck."
            )


def _check(func, inputs, eps, atol, rtol, nondet_tol, backward, forward, batched):
    with enable_grad():
        outputs = _outputs(func(*inputs))
    if not any(o.requires_grad for o in outputs):
        _check_constant(func, inputs, outputs, eps)
        return
    for i, t in _wanted(inputs):
        numerical = _numerical(func, inputs, i, eps)
        for j, out in enumerate(outputs):
            want = numerical[j]
            if backward:
                got = _reverse_jacobian(out, t)
                for part, prefix in _columns_of_parts(out):
                    if not np.allclose(got[:, part], want[:, part], rtol, atol):
                        raise GradcheckError(prefix + _mismatch(i, j, want[:, part], got[:, part], ""))
                # Two programs may round differently, because XLA fuses operations.
                if not np.allclose(got, _reverse_jacobian(out, t), 1e-10, max(nondet_tol, 1e-10)):
                    raise GradcheckError(_NONDETERMINISTIC)
                if batched:
                    _check_batched_gradient(out, t)
            if forward:
                got = _dual_jacobian(func, inputs, i, j)
                if not np.allclose(got, want, rtol, atol):
                    raise GradcheckError(_mismatch(i, j, want, got, " computed with forward mode"))


def _columns_of_parts(out):
    """The columns of a Jacobian to compare, with what begins the error's text: a complex output has two columns an element."""
    if not out.dtype.is_complex:
        return [(slice(None), "")]
    n = out.numel()
    return [
        (slice(n, None), "While considering the imaginary part of complex outputs only, "),
        (slice(0, n), "While considering the real part of complex outputs only, "),
    ]


_NONDETERMINISTIC = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different"
    " values, although analytical gradient matches numerical gradient. The tolerance for nondeterminism was 0.0."
)


def _mismatch(i, j, numerical, analytical, how):
    return (
        f"Jacobian{how} mismatch for output {j} with respect to input {i},\nnumerical:{make_tensor(numerical)}\n"
        f"analytical:{make_tensor(analytical)}\n"
    )


def _check_constant(func, inputs, outputs, eps):
    """If no output requires grad, no value may change with an input."""
    for i, _ in _wanted(inputs):
        for j, column in enumerate(_numerical(func, inputs, i, eps)):
            if np.abs(column).max(initial=0):
                raise GradcheckError(
                    f"Numerical gradient for function expected to be zero, but output {j} changes with input {i}"
                )


def _numerical(func, inputs, i, eps):
    """For each output the differences, as an array (elements of the input, elements of the output)."""
    t = inputs[i]
    base = t.detach().numpy(force=True).copy()
    steps = [eps, eps * 1j] if t.dtype.is_complex else [eps]
    still = [(o.shape, o.dtype) for o in _outputs_at(func, inputs)]
    columns = []
    try:
        for cell in range(base.size):
            sides = [
                [_outputs_after_step(func, inputs, t, base, cell, s * step, still) for s in (1, -1)] for step in steps
            ]
            slopes = [[(up - down) / (2 * eps) for up, down in zip(*pair, strict=True)] for pair in sides]
            columns.append(
                slopes[0] if len(slopes) == 1 else [_complex_gradient(a, b) for a, b in zip(*slopes, strict=True)]
            )
    finally:
        t.data.copy_(make_tensor(base))
    if not columns:
        return [np.zeros((0, shape.numel() * (2 if dtype.is_complex else 1))) for shape, dtype in still]
    return [np.stack(c) for c in zip(*columns, strict=True)]


def _complex_gradient(along_real, along_imaginary):
    """PyTorch's gradient of a complex element, the conjugate of the derivative, from the two real derivatives."""
    return along_real + 1j * along_imaginary


def _outputs_at(func, inputs):
    with enable_grad():
        return _outputs(func(*inputs))


def _outputs_after_step(func, inputs, t, base, cell, step, still):
    """The cells of the outputs where one element of the input `t` has moved: in place, since functions may hold the tensor."""
    moved = base.copy()
    moved.reshape(-1)[cell] += step
    t.data.copy_(make_tensor(moved))
    outputs = _outputs_at(func, inputs)
    for out, (shape, dtype) in zip(outputs, still, strict=True):
        for what, there, here in (("shape", shape, out.shape), ("dtype", dtype, out.dtype)):
            if there != here:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed on index"
                    f" {tuple(map(int, np.unravel_index(cell, base.shape)))} by {abs(step)}, but got: {what}s {there} and {here}."
                )
    return [_real_cells(o.detach().numpy(force=True)) for o in outputs]


def _real_cells(array):
    flat = array.reshape(-1)
    return np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(flat) else flat


def _units(out):
    """The unit cotangents of an output: one for each element, and for a complex output also one times i."""
    for step in [1, 1j] if out.dtype.is_complex else [1]:
        for cell in range(out.numel()):
            unit = np.zeros(out.numel(), out.dtype.np)
            unit[cell] = step
            yield make_tensor(unit.reshape(tuple(out.shape)))


def _reverse_jacobian(out, t):
    columns = []
    for unit in _units(out):
        g = None
        if out.requires_grad:
            g = grad(out, t, unit, retain_graph=True, allow_unused=True)[0]
        columns.append((zeros_like(t) if g is None else g).detach().numpy(force=True).reshape(-1))
    return np.stack(columns, 1) if columns else np.zeros((t.numel(), 0))


def _dual_jacobian(func, inputs, i, j):
    """The Jacobian of one output with respect to one input, from tangents."""
    t = inputs[i]
    rows = []
    for unit in _units(t):
        args = [a.detach() if isinstance(a, Tensor) else a for a in inputs]
        with forward_ad.dual_level():
            args[i] = forward_ad.make_dual(args[i], unit)
            primal, tangent = forward_ad.unpack_dual(_outputs(func(*args))[j])
            rows.append(_real_cells((zeros_like(primal) if tangent is None else tangent).detach().numpy(force=True)))
    if not rows:
        return np.zeros((0, _outputs(func(*inputs))[j].numel()))
    if t.dtype.is_complex:
        half = len(rows) // 2
        return np.stack([_complex_gradient(a, b) for a, b in zip(rows[:half], rows[half:], strict=True)])
    return np.stack(rows)


def _check_batched_gradient(out, t):
    units = list(_units(out))
    try:
        batch = grad(out, t, stack(units), retain_graph=True, allow_unused=True, is_grads_batched=True)[0]
    except RuntimeError as error:
        raise GradcheckError(f"While computing batched gradients, got: {error}\n\n{_BATCHED}computation.") from error
    if batch is None:
        return
    one = _reverse_jacobian(out, t).T
    if not np.allclose(batch.detach().numpy(force=True).reshape(one.shape), one):
        raise GradcheckError(
            "While computing batched gradients, got different results from computing them one after the other\n\n"
            f"{_BATCHED}computation."
        )


_BATCHED = "gradcheck or gradgradcheck failed while testing batched gradient "


def _check_batched_tangents(func, inputs):
    """Compare the tangents of the outputs for a batch of two tangents of an input with those computed one by one."""
    plain = [a.detach() if isinstance(a, Tensor) else a for a in inputs]
    for i, t in _wanted(inputs):

        def tangents(given, i=i):
            with forward_ad.dual_level():
                args = list(plain)
                args[i] = forward_ad.make_dual(plain[i], given)
                outputs = _outputs(func(*args))
                return tuple([zeros_like(o) if d is None else d for o, d in map(forward_ad.unpack_dual, outputs)])

        given = stack([rand_like(t.detach()) for _ in range(2)])
        one = [stack(both) for both in zip(*map(tangents, given.unbind()), strict=True)]
        try:
            batch = vmap(tangents)(given)
        except RuntimeError as error:
            raise GradcheckError(
                f"While computing batched gradients, got: {error}\n\n{_BATCHED}computation with forward-mode AD."
            ) from error
        for a, b in zip(batch, one, strict=True):
            if not np.allclose(a.numpy(force=True), b.numpy(force=True)):
                raise GradcheckError(
                    f"While computing batched tangents of input {i}, got {a} instead of {b}\n\n"
                    f"{_BATCHED}computation with forward-mode AD."
                )


def _check_undefined(func, inputs):
    """Check that backward works when only one of the outputs has a gradient."""
    with enable_grad():
        outputs = [o for o in _outputs(func(*inputs)) if o.requires_grad]
    for out in outputs:
        grad(out, [t for _, t in _wanted(inputs)], zeros_like(out), retain_graph=True, allow_unused=True)


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """Whether the second derivatives of `func` agree with differences of its gradients. See `gradcheck`."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    n = len(inputs)
    with enable_grad():
        outputs = [o for o in _outputs(func(*inputs)) if o.requires_grad]
    if grad_outputs is None:
        given = [rand_like(o.detach()).requires_grad_() for o in outputs]
    else:
        given = [g.detach().clone().requires_grad_() for g in _outputs(grad_outputs)]

    def gradients(*args):
        own = args[:n]
        with enable_grad():
            own = [
                a.detach().requires_grad_()
                if isinstance(a, Tensor) and inputs[k].requires_grad and not a.requires_grad
                else a
                for k, a in enumerate(own)
            ]
            outs = [o for o in _outputs(func(*own)) if o.requires_grad]
            wanted = [a for k, a in enumerate(own) if isinstance(a, Tensor) and inputs[k].requires_grad]
            found = grad(outs, wanted, list(args[n:]), create_graph=True, allow_unused=True)
        return tuple([g for g in found if g is not None])

    return gradcheck(
        gradients,
        (*inputs, *given),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=False,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )
