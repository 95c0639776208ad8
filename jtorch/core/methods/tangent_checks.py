"""What the `jvp` of a `torch.autograd.Function` must return: a written or viewed tangent where `forward` wrote or viewed."""


def check_written_tangent(given, returned, version):
    """Where `forward` wrote to an input, `jvp` must write to its tangent and return it."""
    if returned is None or returned._version == version:
        raise RuntimeError(
            "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is modifying an"
            " input inplace, then the jvp function must modify the corresponding gradient inplace."
        )
    if returned is not given:
        raise RuntimeError(
            "An inplace custom Function is not returning the forward mode gradients as-is. If the forward is modifying an"
            " input inplace, then the jvp function must modify the gradient inplace and return it as-is."
        )


def check_tangent_view(args, pairs, out, tangent):
    """Where `forward` returned a view of an input, `jvp` must return one of its tangent."""
    base = out._base if out._is_view() else None
    at = next((i for i, (p, t) in enumerate(pairs) if p is base and t is not None), None)
    if at is None or tangent is None:
        return
    if not tangent._is_view():
        raise RuntimeError(
            "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view."
        )
    if tangent._base is not pairs[at][1]:
        same = "of the same base as the given grad input" if args[at]._is_view() else "of the given grad input"
        raise RuntimeError(f"A custom Function is returning a view but the jvp is not returning a view {same}.")
