"""Programs about indexing: every kind of index, read, assigned to, added to, with gradients and errors."""

INDICES = [
    "0", "-1", "5", "-9", "1:", ":-1", "::2", "1:1", "5:1", "...", "None", "()", ":", "0, 1", "0, -1", "1, :, 2", ":, 1",
    "..., 0", "0, ...", "None, ..., 0", ":, None, 1", "0:1, 1:, ::3", "True", "False", "True, 0", ":, True", "[0]",
    "[0, 1]", "[[0, 1], [1, 0]]", "[True, False]", "[]", "[0, 1], [1, 2]", "[0, 1], :, [1, 2]", ":, [0, 2], [1, 3]",
    "0, :, [1, 2]", "[0, 1], 0", "[0, 1], None, 0", ":, [0], 1:", "..., [0, 3]", "[1], ..., [1]", "[0, 1], [0, 1, 2]",
    "[5]", "[-3]", ":, [-1, 0]", "torch.tensor(1)", "torch.tensor([1, 0])", "torch.tensor([[0], [1]]), torch.tensor([0, 2])",
    "torch.tensor([True, False])", ":, torch.tensor([True, False, True])", "x > 5", "x > 100", "(x > 5)[0]", "x[0] > 3",
    "torch.tensor([1, 0], dtype=torch.uint8)", "torch.tensor([0, 1], dtype=torch.int32)", "torch.tensor([0.])",
    "torch.tensor(True)", "np.array([0, 1])", "np.int64(1)", "np.array([True, False])", "np.array(1)", "1.5", "'a'", "0.5:2",
    "1j", "{}", "0, 0, 0, 0", "[0], [0], [0], [0]", "..., ...", "::-1", "::0", "[None, 0]", "[slice(None), 0]",
    "torch.tensor([0, 1]), x[0, 0] > 1", "(torch.tensor([0]), slice(1, 3))", "torch.tensor([], dtype=torch.int64)",
    "torch.tensor([True, False]), 0", "torch.tensor([True, True]), :, [0, 1]",
]  # fmt: skip
VALUES = ["5", "2.5", "torch.tensor(3.)", "torch.ones(4) * 3", "torch.arange(3.)[:, None]", "torch.ones(1, 1, 1, 1)",
          "torch.ones(7)", "torch.tensor(3)", "None", "[1, 2]", "1j", "np.float64(2)", "True"]  # fmt: skip
BASE = "torch.arange(24.).reshape(2, 3, 4)"

CALLS = [
    "x.gather(1, i)", "x.gather(0, i)", "x.scatter(1, i, 9.)", "x.scatter(1, i, s[:, :3])", "x.scatter_add(1, i, s[:, :3])",
    "x.scatter_reduce(1, i, s[:, :3], 'prod')", "x.scatter_reduce(1, i, s[:, :3], 'mean', include_self=False)",
    "x.scatter_reduce(1, i, s[:, :3], 'amax')", "x.scatter_reduce(1, i, s[:, :3], 'amin', include_self=False)",
    "x.scatter_reduce(0, i * 0 + 1, s[:, :3], 'sum')", "x.index_select(1, v)", "x.index_select(0, v * 0)",
    "x.index_add(1, v, s[:, :3], alpha=2)", "x.index_copy(1, v, s[:, :3])", "x.index_fill(1, v, -1.)",
    "x.index_fill(0, v[:1], torch.tensor(2.))", "x.index_reduce(1, v, s[:, :3], 'prod')",
    "x.index_reduce(1, v, s[:, :3], 'amax', include_self=False)", "x.index_put((v[:2], v[1:]), s[0, :2])",
    "x.index_put((v * 0,), s[0], accumulate=True)", "x.masked_fill(x > 3, 0.)", "x.masked_fill(x[0] > 1, torch.tensor(9.))",
    "x.masked_select(x > 3)", "x.masked_select(x[0] > 1)", "x.masked_scatter(x > 4, s.reshape(-1))",
    "x.take(torch.tensor([0, -1, 3]))", "x.put(torch.tensor([1, 1, -2]), s[0, :3], accumulate=True)",
    "x.put(torch.tensor([1, -2]), s[0, :2])", "x.take_along_dim(i, 1)", "x.take_along_dim(torch.tensor([[1]]), 1)",
    "x.tril()", "x.triu(1)", "torch.diag(x)", "torch.diag(x[0], 1)", "torch.diag_embed(x, 1)", "torch.diagflat(x)",
    "x.clone().fill_diagonal_(5.)", "x.select_scatter(s[0], 0, 1)", "x.slice_scatter(s[:1], 0, 1)",
    "x.diagonal_scatter(s[0, :2])", "x.flip(0)", "x.flip(0, 1)", "x.roll(1)", "x.roll((1, -1), (0, 1))", "x.rot90()",
    "x.repeat(2, 1)", "x.tile((2,))", "x.repeat_interleave(2)", "x.repeat_interleave(2, 1)",
    "x.repeat_interleave(torch.tensor([1, 2]), 0)", "torch.cat([x, s], 1)", "torch.cat([x, s * 1.], -2)",
    "torch.stack([x, s], 1)", "torch.hstack([x, s])", "torch.vstack([x, s])", "torch.dstack([x, s])",
    "torch.column_stack([x[0], s[0]])", "torch.block_diag(x, s[0])", "torch.cartesian_prod(x[0], s[0])",
    "torch.combinations(x[0])", "torch.combinations(x[0], with_replacement=True)", "torch.meshgrid(x[0], s[1], indexing='xy')[0]",
    "x.clamp(1)[v[:2] * 0]", "x.nonzero()", "(x > 2).nonzero(as_tuple=True)", "x.argwhere()", "x.fliplr()", "x.flipud()",
    "torch.tril_indices(3, 4, 1)", "torch.triu_indices(3, 4, -1)", "2. in x", "99. in x", "list(x)[1]", "x.expand(2, 2, 4)[1]",
    "x.unsafe_chunk(2)[0]", "x.hsplit(2)[1]", "x.vsplit(2)[0]", "x.sum_to_size(1, 4)", "x.type()", "x.long()", "x.bool()",
    "x.type_as(i)", "x.new_zeros(2)", "x.new_tensor([1, 2])", "x.new_full((2,), 3)", "x.element_size()", "x.nbytes",
    "x.is_set_to(x)", "x.is_same_size(s)", "x.clone().resize_(2, 2)", "x.clone().resize_(3, 1)", "x.clone().t()",
]  # fmt: skip
START = "p = torch.arange(0., 8.).reshape(2, 4){}\nx = p * 1\ns = torch.arange(8., 0., -1.).reshape(2, 4)\ni = torch.tensor([[0, 2, 2], [3, 0, 1]])\nv = torch.tensor([0, 2, 1])\n"
ERRORS = [
    "x.gather(1, i + 3)", "x.gather(1, i - 1)", "x.gather(1, i.float())", "x.gather(3, i)", "x.gather(1, v)",
    "x.scatter(1, i + 3, 1.)", "x.scatter(1, v, s)", "x.scatter(1, i, s.long())", "x.scatter(1, i, s[:, :1])",
    "x.scatter(1, i, s, reduce='foo')", "x.scatter_reduce(1, i, s, 'foo')", "x.index_select(0, v)", "x.index_select(0, i)",
    "x.index_select(1, v.float())", "x.index_add(1, v, s)", "x.index_add(1, v + 2, s[:, :3])", "x.index_add(1, i, s)",
    "x.index_copy(1, v + 2, s[:, :3])", "x.index_copy(1, v, s)", "x.index_fill(0, v, 1.)", "x.index_fill(1, v, s)",
    "x.masked_fill(x, 0.)", "x.masked_fill(x[0, :3] > 0, 0.)", "x.masked_select(x)", "x.masked_scatter(x > 0, s[0])",
    "x.take(torch.tensor([8]))", "x.put(v, s[0])", "x.take_along_dim(v, 1)", "x[0].tril()", "torch.diag(x[None])",
    "x[0].fill_diagonal_(1.)", "x.select_scatter(s, 0, 1)", "torch.cat([])", "torch.cat([x, s[0]])", "torch.cat([x, s[:, :1]])",
    "torch.stack([x, s[0]])", "torch.stack([])", "x.repeat(2)", "x.roll((1, 2), (0,))", "x.flip(0, 0)", "x[0].fliplr()",
    "x.rot90(1, (0, 0))", "x.repeat_interleave(-1)", "x.repeat_interleave(v)", "x.split(0)", "x.split([1, 2])", "x.chunk(0)",
    "x.hsplit(3)", "x.tensor_split(0)", "x.unbind(2)", "x.view(3)", "x.t().view(8)", "x.expand(3, 4)", "x.transpose(0, 2)",
    "x.permute(0, 0)", "x.unsqueeze(4)", "x.squeeze(3)", "x.unfold(0, 3, 1)", "x.diagonal(0, 0, 0)", "x.narrow(0, 1, 2)",
    "x.select(0, 2)", "x.as_strided((9,), (1,))", "x.unflatten(1, (3, 2))", "x.movedim((0, 1), (0,))",     "x[:, :3].view(torch.float64)", "torch.view_as_complex(x)", "torch.imag(x)", "x.sum_to_size(3)", "torch.meshgrid(x[0], i)",
    "x.combinations", "torch.combinations(x)", "torch.block_diag(x[None])", "len(x[0, 0])", "iter(x[0, 0])", "'a' in x",
]  # fmt: skip


def programs():
    """(id, program), every program at most once."""
    made = {}
    for i in INDICES:
        made[f"[{i}]"] = f"x = {BASE}\ny = x[{i}]"
        made[f"[{i}]|grad"] = f"p = {BASE}.requires_grad_()\nx = p * 1\ny = x[{i}]\n(y * y).sum().backward()"
        made[f"[{i}]+="] = f"x = {BASE}\nx[{i}] += 1"
        for k, v in enumerate(VALUES):
            if k and (len(made) + k) % 3:
                continue
            made[f"[{i}]={v}"] = f"x = {BASE}\nx[{i}] = {v}"
            if k in (0, 2, 4):
                made[f"[{i}]={v}|grad"] = (
                    f"p = {BASE}.requires_grad_()\nx = p * 1\nx[{i}] = {v}\n(x * x).sum().backward()"
                )
        made[f"[{i}]=grad"] = f"x = {BASE}\np = torch.tensor(2.).requires_grad_()\nx[{i}] = p * 3\n(x * x).sum().backward()"
    for c in CALLS:
        made[c] = START.format("") + f"r = {c}"
        made[f"{c}|grad"] = START.format(".requires_grad_()") + f"r = {c}\n(r * r).sum().backward()"
        made[f"{c}|source"] = (
            START.format("") + f"p = s.requires_grad_()\ns = p * 1\nr = {c}\n(r * r).sum().backward()"
        )
    for c in ERRORS:
        made[f"{c}|error"] = START.format("") + f"r = {c}"
    return made
