"""Random numbers of DTensors. Every process draws those of the whole tensor and takes its part; a replicated part is the first
process's.

So processes with the same seed get the numbers that one process would.
"""

from __future__ import annotations

from jtorch.core.grad import no_grad
from jtorch.core.ops.make.fill import DRAWS_IN_PLACE
from jtorch.distributed.tensor._api import DTensor, part_here, sent_from_first
from jtorch.distributed.tensor._ops.rule_table import by_mesh_dim, check_written, placed_all, result_of, rule
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard


def drawn(draw, x, placements):
    """This process's part of what `draw` makes of an empty tensor of the whole shape."""
    with no_grad():
        whole = draw(x._local_tensor.detach().new_ones(x.shape))
        part = part_here(whole, x._mesh, placements)
        for i, p in enumerate(placements):
            if not isinstance(p, Shard):
                part = sent_from_first(part, x._mesh, i)
    return part


@rule(*DRAWS_IN_PLACE)
def draw_in_place(func, name, args, kwargs):
    """Fill a DTensor with random numbers, in place."""
    x, *rest = args
    check_written(x, name)
    if any(isinstance(a, DTensor) for a in (*rest, *kwargs.values())) or any(
        isinstance(p, Partial) for p in x._placements
    ):
        raise NotImplementedError(f"{name} of DTensors, or of parts of a sum")
    if x.is_meta:
        return x
    part = drawn(lambda whole: func(whole, *rest, **kwargs), x, x._placements)
    x._local_tensor.copy_(part)
    return x


@rule("rand_like", "randn_like", "bernoulli")
def draw_like(func, name, args, kwargs):
    """A random DTensor with the shape and the placements of another."""
    x, *rest = args
    if name == "bernoulli" or any(isinstance(p, Partial) for p in x._placements):
        raise NotImplementedError(f"{name} of this DTensor")
    return x._same(drawn(lambda whole: func(whole, *rest, **kwargs), x, x._placements))


@rule("dropout")
def drop_in_parts(func, name, args, kwargs):
    """Dropout: the elements that become 0 are those that one process with the whole tensor would choose."""
    given = (
        {"p": 0.5, "training": True, "inplace": False}
        | dict(zip(("input", "p", "training", "inplace"), args, strict=False))
        | kwargs
    )
    x = given["input"]
    if given["inplace"]:
        raise NotImplementedError("dropout in place of a DTensor")
    if not given["training"] or not given["p"]:
        return x

    def decide(i):
        p = x._placements[i]
        p = Replicate() if isinstance(p, Partial) else p
        return (p,), p

    needed, out = by_mesh_dim(x._mesh, decide)
    (local,) = placed_all([x], needed, out)
    kept = drawn(lambda whole: func(whole, given["p"], True), x, out)
    return result_of(local * kept, x._mesh, out, x.shape)


_REFUSED = """
alpha_dropout dropout1d dropout2d dropout3d feature_alpha_dropout feature_dropout rrelu gumbel_softmax multinomial randint_like
fractional_max_pool2d fractional_max_pool3d poisson normal
"""


@rule(*_REFUSED.split())
def not_drawn(func, name, args, kwargs):
    """Raises NotImplementedError: the processes would draw different numbers."""
    raise NotImplementedError(f"{name} of a DTensor")


@rule("multi_head_attention_forward")
def multi_head_attention(func, name, args, kwargs):
    """On whole tensors in every process; refused with dropout, of which the processes would draw different numbers."""
    dropout_p = args[10] if len(args) > 10 else kwargs.get("dropout_p", 0.0)
    if dropout_p and kwargs.get("training", True):
        raise NotImplementedError("multi_head_attention_forward of DTensors with dropout")
    return NotImplemented
