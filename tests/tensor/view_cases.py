"""Programs about views: every view, alone and on top of others, read, written through, and with gradients."""

VIEWS = [
    "{}.view(-1)",
    "{}.reshape(-1, 2)",
    "{}.transpose(0, -1)",
    "{}.permute(*range({}.ndim - 1, -1, -1))",
    "{}.mT",
    "{}.unsqueeze(0)",
    "{}.unsqueeze(-1)",
    "{}.squeeze()",
    "{}.squeeze(0)",
    "{}.flatten()",
    "{}.ravel()",
    "{}.unflatten(-1, (2, -1))",
    "{}.expand(2, *{}.shape)",
    "{}.expand({}.shape)",
    "{}.select(0, 1)",
    "{}.select(-1, -1)",
    "{}.narrow(0, 1, 1)",
    "{}.narrow(-1, 0, 2)",
    "{}[0]",
    "{}[-1]",
    "{}[..., 1]",
    "{}[1:]",
    "{}[:, 1:]",
    "{}[..., ::2]",
    "{}[1::3]",
    "{}[None]",
    "{}[...]",
    "{}[:]",
    "{}[0, None]",
    "{}[:0]",
    "{}.diagonal()",
    "{}.diagonal(1, -1, 0)",
    "{}.unfold(-1, 2, 1)",
    "{}.unfold(0, 2, 2)",
    "{}.as_strided((2, 2), (3, 1))",
    "{}.as_strided((3, 2), (1, 2), 1)",
    "{}.split(1)[0]",
    "{}.split([1, {}.shape[0] - 1])[1]",
    "{}.chunk(2, -1)[1]",
    "{}.unbind()[1]",
    "{}.tensor_split(2)[1]",
    "{}.movedim(0, -1)",
    "{}.swapaxes(0, 1)",
    "{}.detach()",
    "{}.data",
    "{}.contiguous()",
    "{}.view_as({})",
    "{}.expand_as({})",
    "{}.adjoint()",
    "{}.T",
    "torch.atleast_3d({})",
    "torch.broadcast_to({}, (2, *{}.shape))",
]
BASES = {"matrix": "(2, 4)", "cube": "(2, 3, 4)", "row": "(6,)", "scalar": "()"}
CHANGES = [
    "mul_(2)",
    "add_(1)",
    "zero_()",
    "fill_(7)",
    "copy_(torch.ones(()))",
    "t_()",
    "unsqueeze_(0)",
    "squeeze_()",
    "transpose_(0, -1)",
]


def make(shape, leaf=False):
    n = f"torch.Size({shape}).numel()"
    start = f"torch.arange(0., {n}).reshape({shape})"
    return f"p = {start}.requires_grad_()\nx = p * 1" if leaf else f"x = {start}.clone()"


def through(view, name):
    return view.replace("{}", name)


def programs():
    """(id, program), every program at most once."""
    made = {}
    for at, (kind, shape) in enumerate(BASES.items()):
        for i, v in enumerate(VIEWS):
            grad = f"{make(shape, True)}\ny = {through(v, 'x')}\n"
            every = {
                "": f"{make(shape)}\ny = {through(v, 'x')}",
                "write": f"{make(shape)}\ny = {through(v, 'x')}\ny.mul_(3)",
                "fill": f"{make(shape)}\ny = {through(v, 'x')}\ny.fill_(3)",
                "grad": grad + "y.sum().backward()",
                "gradwrite": grad + "y.mul_(3)\nz = x * x\nz.sum().backward()",
                "basewrite": grad + "x.mul_(3)\nz = y * 2\nz.sum().backward()",
                "nograd": grad + "with torch.no_grad(): y.mul_(3)\nz = x * y.sum()\nz.sum().backward()\ndel y",
            }
            for j, (name, program) in enumerate(every.items()):
                if kind == "cube" or (i + j + at) % 5 == 0:
                    made[f"{kind}|{v}|{name}"] = program
    for i, v in enumerate(VIEWS):
        for j, w in enumerate(VIEWS):
            lines = f"\ny = {through(v, 'x')}\nz = {through(w, 'y')}"
            u = VIEWS[(7 * i + 3 * j) % len(VIEWS)]
            if (5 * i + 3 * j) % 29 == 0:
                made[f"{v}|{w}|write"] = make(BASES["cube"]) + lines + "\nz.add_(5)"
            if (5 * i + 3 * j) % 31 == 0 and w not in ("{}.detach()", "{}.data"):
                made[f"{v}|{w}|grad"] = make(BASES["cube"], True) + lines + "\nz.mul_(5)\n(x * x).sum().backward()"
            if (5 * i + 3 * j) % 37 == 0:
                made[f"{v}|{w}|{u}"] = make(BASES["cube"]) + lines + f"\nr = {through(u, 'z')}\nr.mul_(2)\ny.add_(1)"
    for c in CHANGES:
        for v in VIEWS[::6]:
            made[f"{v}|{c}"] = f"{make('(2, 4)')}\ny = {through(v, 'x')}\ny.{c}"
            made[f"{v}|{c}|base"] = f"{make('(2, 4)')}\ny = {through(v, 'x')}\nx.{c}\ny.add_(1)"
        made[f"{c}|grad"] = f"{make('(2, 4)', True)}\nx.{c}\n(x * x).sum().backward()"
    return made
