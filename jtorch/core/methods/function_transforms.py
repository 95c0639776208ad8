"""Derivatives of functions as functions: `torch.func.grad`, `vjp`, `jvp` and what is made of them.

`grad` and `vjp` run a backward pass, which can be differentiated if the caller may need that; `jvp` opens a level of
`jtorch.core.tensor.levels`. All of it is recorded, so a transformed function runs in the program around it.
"""

from __future__ import annotations

from functools import wraps

from jtorch.core.engine import local
from jtorch.core.facts import flatten_tree, map_tree, same_tree, unflatten_tree
from jtorch.core.grad import Leaf, enable_grad, nodes_behind, source
from jtorch.core.methods.gradients import grad as gradients
from jtorch.core.methods.vmap import vmap
from jtorch.core.op import public_in
from jtorch.core.ops.make.create import eye, zeros_like
from jtorch.core.tensor import SAME, Dual, InputNode, Tensor, may_write, running, wrap, zeros_of


def _inner(tensor):
    """The tensor as an input of one transformation: a node of its own separates it from its history."""
    made = tensor._alias()
    made._view = None
    if tensor._view is not None:
        made = wrap(tensor._value)
    t = made._type
    made._edge = InputNode(SAME, (), (t,), (t,), (tensor._history(),))
    return made


def _wanted_outside(outputs, variables):
    """Whether the outputs depend on tensors that require grad outside of the transformation."""
    roots = [(t._history(), None) for t in outputs if t.requires_grad]
    inner = {v._edge for v in variables}
    nodes = nodes_behind(roots)
    if any(node.edges[0] is not None for node in nodes if node in inner):
        return True
    return any(
        isinstance(source(e)[0], Leaf) for node in nodes if node not in inner for e in node.edges if e is not None
    )


def _strip(tree, outside):
    """The outputs for the caller: detached unless they depend on tensors outside that require grad."""
    return tree if outside else map_tree(lambda t: t.detach() if isinstance(t, Tensor) else t, tree)


def _split(args, argnums):
    """(the arguments to differentiate by, as a tree; a function that puts variables back among the arguments)."""
    spots = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for s in spots:
        if not -len(args) <= s < len(args):
            raise RuntimeError(f"Got argnum={s}, but only {len(args)} positional inputs")
    spots = [s % len(args) for s in spots]
    chosen = args[spots[0]] if isinstance(argnums, int) else tuple([args[s] for s in spots])

    def back(tree):
        full = list(args)
        for s, new in zip(spots, (tree,) if isinstance(argnums, int) else tree, strict=True):
            full[s] = new
        return full

    return chosen, back


def _as_variables(tree, what):
    leaves, shape = flatten_tree(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"{what}: Expected all inputs to be Tensors, got unsupported type {type(leaf)}")
        if not leaf._type.differentiable:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
    made = [_inner(t) for t in leaves]
    return made, shape


@public_in("jtorch.func")
def grad_and_value(func, argnums=0, has_aux=False):
    """A function giving (gradient of `func`, its value), or (gradient, (value, aux)).

    Raises:
        RuntimeError: `func` does not give a tensor with one element.
    """

    @wraps(func, updated=())
    def wrapper(*args, **kwargs):
        outer = local.grad
        chosen, back = _split(args, argnums)
        variables, shape = _as_variables(chosen, "grad_and_value(f)(*args)")
        with enable_grad():
            with running(given=(args, kwargs)):
                output = func(*back(unflatten_tree(variables, shape)), **kwargs)
            output, aux = _with_aux(output, has_aux, "grad_and_value")
            _check_scalar(output)
            outside = outer and _wanted_outside([output], variables)
            if output.requires_grad:
                grads = gradients(output, variables, create_graph=outside, retain_graph=True, allow_unused=True)
            else:
                grads = [None] * len(variables)
        found = unflatten_tree(
            [zeros_like(v).detach() if g is None else g for g, v in zip(grads, variables, strict=True)], shape
        )
        output, aux = _strip(output, outside), _strip(aux, outside)
        return (found, (output, aux)) if has_aux else (found, output)

    return wrapper


def _with_aux(output, has_aux, name):
    if not has_aux:
        return output, None
    if not isinstance(output, tuple) or len(output) != 2:
        raise RuntimeError(
            f"{name}(f)(*args): output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return output


def _check_scalar(output):
    what = "grad_and_value(f)(*args): Expected f(*args) to return a"
    if not isinstance(output, Tensor):
        raise RuntimeError(f"{what} Tensor, got {type(output)}")
    if output.ndim:
        raise RuntimeError(
            f"{what} scalar Tensor, got tensor with {output.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


@public_in("jtorch.func")
def grad(func, argnums=0, has_aux=False):
    """A function giving the gradient of `func`, or (gradient, aux) where `func` gives (value, aux).

    Args:
        argnums: which arguments to differentiate by; a tuple of numbers gives a tuple of gradients.

    >>> torch.func.grad(torch.func.grad(torch.sin))(torch.tensor(1.))
    tensor(-0.8415)
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func, updated=())
    def wrapper(*args, **kwargs):
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapper


@public_in("jtorch.func")
def vjp(func, *primals, has_aux=False):
    """(`func(*primals)`, a function from cotangents to the gradients), and aux where there is one.

    >>> y, pull = torch.func.vjp(torch.sin, torch.zeros(2))
    >>> pull(torch.ones(2))
    (tensor([1., 1.]),)
    """
    outer = local.grad
    variables, shape = _as_variables(tuple(primals), "vjp(f, *primals)")
    with enable_grad(), running(given=primals):
        output, aux = _with_aux(func(*unflatten_tree(variables, shape)), has_aux, "vjp")
    outputs, out_shape = flatten_tree(output)
    _all_tensors(outputs, "vjp(f, *primals)")
    outside = outer and _wanted_outside(outputs, variables)

    def pull(*cotangents, retain_graph=True, create_graph=None):
        tree = cotangents[0] if len(cotangents) == 1 else cotangents
        given, given_shape = flatten_tree(tree)
        if not same_tree(given_shape, out_shape):
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function."
            )
        pairs = [(o, c) for o, c in zip(outputs, given, strict=True) if o.requires_grad]
        wanted = local.grad and (outside or any(c.requires_grad for _, c in pairs))
        grads = [None] * len(variables)
        if pairs:
            with enable_grad():
                grads = gradients(
                    [o for o, _ in pairs],
                    variables,
                    [c for _, c in pairs],
                    retain_graph,
                    bool(wanted),
                    allow_unused=True,
                )
        full = [zeros_like(v).detach() if g is None else g for g, v in zip(grads, variables, strict=True)]
        found = unflatten_tree(full, shape)
        return found

    shown = _strip(output, outside)
    return (shown, pull, _strip(aux, outside)) if has_aux else (shown, pull)


def _all_tensors(leaves, what):
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{what}: Expected f(*primals) to return only tensors, got unsupported type {type(leaf)}"
            )


@public_in("jtorch.func")
def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(`func(*primals)`, its derivative along the tangents), and aux where there is one.

    >>> torch.func.jvp(torch.sin, (torch.tensor(0.),), (torch.tensor(2.),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    given, shape = flatten_tree(primals)
    pushed, tangent_shape = flatten_tree(tangents)
    if not same_tree(shape, tangent_shape):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. "
            "For example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with structure and tangents with structure"
        )
    if not given:
        raise RuntimeError("jvp(f, primals, tangents): Expected at least one Tensor in primals.")
    level = Dual()
    duals = [level.lift(p, t) for p, t in zip(given, pushed, strict=True)]
    with running(level, duals):
        output, aux = _with_aux(func(*unflatten_tree(duals, shape)), has_aux, "jvp")
    for p, t, dual in zip(given, pushed, duals, strict=True):
        if dual._storage.writes:  # the function wrote to its argument
            written = level.lower(dual)
            p.copy_(written[0])
            t.copy_(written[1])
    outputs, out_shape = flatten_tree(output)
    _all_tensors(outputs, "jvp(f, primals, tangents)")
    pairs = [level.lower(o) for o in outputs]
    if strict and any(t is None for _, t in pairs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True."
        )
    primal = unflatten_tree([p for p, _ in pairs], out_shape)
    tangent = unflatten_tree([zeros_of(p) if t is None else t for p, t in pairs], out_shape)
    if has_aux:
        return primal, tangent, map_tree(lambda a: level.lower(a)[0] if isinstance(a, Tensor) else a, aux)
    return primal, tangent


@public_in("jtorch.func")
def linearize(func, *primals):
    """(`func(*primals)`, the function from tangents to the derivative along them)."""
    output = func(*primals)

    def push(*tangents):
        return jvp(func, primals, tangents)[1]

    return output, push


# ---- Jacobians


def _basis(tensors):
    """For each tensor the unit vectors of all of them together: a batch whose entries are one cell each."""
    total = sum(t.numel() for t in tensors)
    chunks, at = [], 0
    for t in tensors:
        unit = eye(total, dtype=t.dtype, device=t.device)[:, at : at + t.numel()]
        chunks.append(unit.reshape(total, *t.shape))
        at += t.numel()
    return chunks


@public_in("jtorch.func")
def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """A function giving the Jacobian of `func`, by reverse mode: one backward pass for each row, all rows at once.

    >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    @wraps(func, updated=())
    def wrapper(*args, **kwargs):
        chosen, back = _split(args, argnums)
        inputs, shape = flatten_tree(chosen)

        def of_inputs(*new):
            may_write((args, kwargs))
            return func(*back(unflatten_tree(new, shape)), **kwargs)

        output, pull, *aux = vjp(of_inputs, *inputs, has_aux=has_aux)
        outputs, out_shape = flatten_tree(output)

        def rows(*units):
            return pull(unflatten_tree(units, out_shape)) if len(outputs) > 1 or out_shape is not None else pull(*units)

        found = vmap(rows, chunk_size=chunk_size)(*_basis(outputs))  # for each input: (all outputs' cells, *input)
        table, at = [], 0
        for o in outputs:
            part = [g.narrow(0, at, o.numel()).reshape(*o.shape, *i.shape) for g, i in zip(found, inputs, strict=True)]
            table.append(unflatten_tree(part, shape))
            at += o.numel()
        jacobian = unflatten_tree(table, out_shape)
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapper


@public_in("jtorch.func")
def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """A function giving the Jacobian of `func`, by forward mode: one column a pass, all columns at once."""

    @wraps(func, updated=())
    def wrapper(*args, **kwargs):
        chosen, back = _split(args, argnums)
        inputs, shape = flatten_tree(chosen)

        def of_inputs(*new):
            may_write((args, kwargs))
            return func(*back(unflatten_tree(new, shape)), **kwargs)

        seen = []

        def columns(*units):
            _, tangent, *aux = jvp(of_inputs, tuple(inputs), units, has_aux=has_aux)
            if has_aux:
                seen.append(aux[0])
            return tangent

        found = vmap(columns, randomness=randomness)(*_basis(inputs))
        found, out_shape = flatten_tree(found)
        table = []
        for column in found:  # (all inputs' cells, *output)
            out, at, part = column.shape[1:], 0, []
            for i in inputs:
                block = column.narrow(0, at, i.numel()).movedim(0, -1)
                part.append(block.reshape(*out, *i.shape))
                at += i.numel()
            table.append(unflatten_tree(part, shape))
        jacobian = unflatten_tree(table, out_shape)
        return (jacobian, seen[0]) if has_aux else jacobian

    return wrapper


@public_in("jtorch.func")
def hessian(func, argnums=0):
    """A function giving the second derivatives of `func`: forward over reverse mode."""
    return jacfwd(jacrev(func, argnums), argnums)
