"""More words for the random programs: index puts, joining and parting, reductions, promotion, hooks and optimizers.

`Words` extends the `Writer` of `tests.programs.fuzzing`, whose `pick`, `name`, `target`, ... it uses.
"""

from __future__ import annotations

STARTS = [
    """p = torch.arange(6.).reshape(2, 3).requires_grad_()
q = torch.arange(1., 4.).unsqueeze(1).requires_grad_()
a = p * 2
b = torch.arange(6).reshape(3, 2)""",
    """w = torch.arange(8.)
p = w.view(2, 4)[:, 1:3].requires_grad_()
q = torch.tensor([[2., -1.], [0.5, 1.]], dtype=torch.float64, requires_grad=True)
a = p + q
b = torch.tensor([[True, False], [False, True]])""",
    """p = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
q = torch.tensor(2., requires_grad=True)
a = torch.tensor([[1, 2], [3, 4]], dtype=torch.int32)
b = torch.tensor([1 + 2j, 3 - 1j])""",
    """p = torch.tensor([0.5, 1., -1., 2.], dtype=torch.float64, requires_grad=True)
q = torch.ones(2, 2).t().requires_grad_()
a = torch.arange(4, dtype=torch.uint8)
b = p.view(2, 2) * q""",
    """p = torch.zeros(2, 2, 2).permute(2, 0, 1).requires_grad_()
q = torch.arange(4.).view(2, 2).requires_grad_()
a = torch.stack([q, q], 0)
b = torch.tensor([True, False])""",
]
KINDS = [
    "SGD({}, lr=0.5)", "SGD({}, lr=0.5, momentum=0.5)", "SGD({}, lr=0.1, weight_decay=0.5, nesterov=True, momentum=0.9)",
    "Adam({}, lr=0.3)", "RMSprop({}, lr=0.1)", "Adagrad({}, lr=0.5)", "SGD({}, lr=0.5, maximize=True)",
]  # fmt: skip
DTYPES = ["float32", "float64", "int64", "int32", "bool", "uint8", "complex64"]


class Words:
    """Kinds of lines beside those of a `Writer`."""

    def line(self):
        own = [
            self.put,
            self.put,
            self.join,
            self.part,
            self.reduce,
            self.reduce,
            self.promote,
            self.promote,
            self.call,
        ]
        if "n" not in self.space:
            own += [self.hook, self.optimize, self.optimize, self.gradient]
        return self.within(self.pick(own)()) if self.chance(2) else super().line()

    def within(self, line):
        return f"with torch.no_grad():\n    {line}" if self.chance(9) else line

    def put(self):
        """A write at indices."""
        names = [n for n in self.tensors() if self.writes_well(n) and self.space[n].dim() and self.space[n].numel()]
        if not names:
            return self.join()
        x = self.pick(names)
        t, number = self.space[x], self.pick(["2", "0.5", "-1.", "3"])
        size = t.shape[0]
        same = f"torch.ones({size}, dtype={x}.dtype)"
        row, last = f"{x}[:1].detach() * 2", size - 1
        made = [
            f"{x}.index_copy_(0, torch.tensor([{last}]), {row})", f"{x}.index_fill_(0, torch.tensor([{last}]), {number})",
            f"{x}.index_add_(0, torch.tensor([0]), {row}, alpha=2)",
            f"{x}.index_put_((torch.tensor([0, {last}]),), torch.tensor({number}))",
            f"{x}.index_put_((torch.tensor([0, 0]),), torch.tensor(2).to({x}.dtype), accumulate=True)",
            f"{x}.put_(torch.tensor([0, -1]), torch.tensor([5, 5]).to({x}.dtype))", f"{x}.masked_fill_({x} == {x}, {number})",
            f"{x}.masked_scatter_({x} != 1, {x}.detach().clone())",
            f"{x}.index_reduce_(0, torch.tensor([0]), {x}[:1].detach().clone(), 'mean')", f"{x}[torch.tensor([{last}, 0])] = {row}",
            f"{x}[{x} > 1] = {number}", f"{x}[::2] += {number}", f"{x}[-1].copy_({x}[0].detach())",
            f"torch.where({x} > 1, {x}, {x}, out={x})",
        ]  # fmt: skip
        if t.dim() == 1:
            made += [
                f"{x}.scatter_(0, torch.tensor([0]), {number})", f"{x}.scatter_add_(0, torch.tensor([0, 0])[:{size}], {same})",
                f"{x}.scatter_reduce_(0, torch.tensor([0]), {same}[:1], 'amax')",
            ]  # fmt: skip
        if t.is_complex() or t._is_view():
            made = [m for m in made if ">" not in m and "out=" not in m]
        return self.pick(made)

    def writes_well(self, x):
        t = self.space[x]
        return not self.shows_twice(t) and not t.is_inference() and not self.broken(x)

    def hooks_badly(self, x):
        """Whether PyTorch may crash at a hook: on a view that was made without gradients, or a leaf whose base has a history."""
        t = self.space[x]
        return t._is_view() and (x not in "pq" or t._base.requires_grad)

    def join(self):
        x = self.name()
        shape = tuple(self.space[x].shape)
        y = self.pick([k for k in self.tensors() if tuple(self.space[k].shape) == shape])
        made = [
            "torch.stack([{x}, {y}])", "torch.stack([{x}, {y}], -1)[..., 0]", "{x}.repeat_interleave(2)[:4]", "torch.hstack([{x}, {y}])",
            "torch.vstack([{x}, {y}])", "{x}.tile(2)", "{x}.roll(1)", "torch.column_stack([{x}, {y}])", "torch.atleast_2d({x})",
            "torch.broadcast_tensors({x}, {y})[1]", "torch.meshgrid({x}.flatten()[:2], {y}.flatten()[:2], indexing='ij')[1]",
            "torch.block_diag({x}.flatten()[:2], {y}.flatten()[:2])", "torch.cartesian_prod({x}.flatten()[:2], {y}.flatten()[:1])",
        ]  # fmt: skip
        if shape:
            made += [
                "torch.cat([{x}, {y}])", "torch.cat([{x}, {y}], -1)", "torch.cat([{x}[:1], {y}])", "{x}.flip(0)", "{x}.diff()",
                "torch.cat([{y}, {x}.detach()], 0)", "torch.nn.functional.pad({x}, (1, 0))", "{x}.index_select(0, torch.tensor([0, 0]))",
                "{x}.take(torch.tensor([0]))", "{x}.gather(0, torch.zeros_like({x}, dtype=torch.int64))",
            ]  # fmt: skip
        if len(shape) > 1:
            made += ["{x}.rot90()", "{x}.tril()", "{x}.triu(1)", "{x}.trace()", "{x} @ {y}.mT"]
        return f"{self.target()} = {self.pick(made).format(x=x, y=y)}"

    def part(self):
        """Several results of one call."""
        names = [n for n in self.tensors() if self.space[n].dim() and min(self.space[n].shape) > 1]
        if not names:
            return self.join()
        x, a, b = self.pick(names), self.target(), self.pick("abcdef")
        call = self.pick([
            "{x}.split([1, {x}.shape[0] - 1])", "torch.split({x}, 1)[:2]", "{x}.hsplit({x}.shape[min(1, {x}.dim() - 1)])[:2]",
            "{x}.unbind(0)[:2]", "torch.tensor_split({x}, [1])", "{x}.max(0)", "{x}.min(-1)", "{x}.sort(-1)", "{x}.aminmax()",
            "{x}.topk(2)[0]", "{x}.cummax(0)", "torch.var_mean({x}, -1)", "torch.frexp({x})",
        ])  # fmt: skip
        return f"{a}, {b} = {call.format(x=x)}"

    def reduce(self):
        x = self.name()
        made = [
            "{x}.sum()", "{x}.sum(-1, keepdim=True)", "{x}.prod()", "{x}.mean(0)", "{x}.std()", "{x}.var(0, correction=0)", "{x}.norm()",
            "{x}.max()", "{x}.min()", "{x}.amax(0)", "{x}.argmax()", "{x}.argmin(-1)", "{x}.any()", "{x}.all(0)", "{x}.logsumexp(0)",
            "{x}.cumprod(-1)", "{x}.softmax(-1)", "{x}.log_softmax(0)", "{x}.count_nonzero()", "{x}.nansum()", "{x}.median()",
            "{x}.sum(dtype=torch.float64)", "{x}.prod(-1)", "{x}.mean(dtype=torch.float64)", "torch.linalg.vector_norm({x}, 1)",
            "{x}.norm(dim=0)", "{x}.nanmean()", "{x}.logcumsumexp(0)", "torch.trapezoid({x})",
        ]  # fmt: skip
        return f"{self.target()} = {self.pick(made).format(x=x)}"

    def promote(self):
        x = self.name()
        y = self.fitting(tuple(self.space[x].shape))
        d = self.pick(DTYPES)
        made = [
            "{x}.to(torch.{d})", "{x} + {y}", "{x} * {y}", "{x} - {y}", "{x} / {y}", "{x} // 2", "{x} % 2", "{x} > {y}", "{x} == {y}",
            "{x} & {y}", "~{x}", "{x} ** 2", "2 ** {x}", "1 - {x}", "{x} + True", "{x} * 1j", "{x} / 3", "{x}.type_as({n})",
            "torch.add({x}, {y}, alpha=2)", "torch.where({x} > 0, {x}, 1)", "torch.minimum({x}, {n})", "{x}.clamp(0)",
            "{x}.clamp(min=-1.5)", "{x}.lerp({n}, 0.5)", "{x} << 1", "{x}.float_power(2)", "torch.atan2({x}, {n})", "{x}.remainder(2)",
            "{x}.real", "{x}.abs()", "-{x}", "{x}.round()", "{x}.sign()", "{x}.new_tensor([1, 2])", "torch.full_like({x}, 2)",
            "torch.zeros_like({x}, dtype=torch.{d})", "{x}.sqrt()", "{x}.logical_not()", "{x}.masked_fill({x} == 1, 2)",
            "torch.addcmul({x}, {x}, {x}, value=2)", "{x}.view_as({x}).conj()", "{x}.fmod(2)", "{x}.xlogy(2)",
        ]  # fmt: skip
        return f"{self.target()} = {self.pick(made).format(x=x, y=y, d=d, n=self.name())}"

    def call(self):
        """A method that changes or tells something."""
        x, y = self.name(), self.name()
        made = [
            "{x}.copy_({y})", "{x}.set_({y}.detach())", "{x}.resize_as_({y})", "r = torch.equal({x}, {y})", "r = {x}.is_set_to({y})",
            "r = str(torch.result_type({x}, {y}))", "r = torch.can_cast({x}.dtype, {y}.dtype)", "r = {x}.is_same_size({y})",
            "{x}.data = {y}", "{x}.data = {y}.detach().clone()", "r = {x}.equal({x})", "{x}.swapdims_(0, -1)", "{x}.squeeze_(0)",
            "{x}.data.copy_({y})", "{x}.data[...] = 1", "{x}.detach().zero_()", "{x}.detach_()", "r = {x}.untyped_storage().nbytes()",
            "r = {x}.element_size()", "r = {x}.is_conj()", "r = {x}.dim_order()", "r = {x}.output_nr",
            "{x} = {x}.clone().requires_grad_()", "{x}.grad = {y}.detach()",
        ]  # fmt: skip
        bad = (
            self.space[x].retains_grad
            or self.space[x].is_inference()
            or self.shows_twice(self.space[x])
            or self.broken(x)
        )
        shares = self.space[x].untyped_storage().data_ptr() == self.space[y].untyped_storage().data_ptr()
        if bad or shares or self.space[x]._is_view() or self.space[x].requires_grad or "n" in self.space:
            made = [m for m in made if m.startswith(("r =", "{x} ="))]
        if self.space[y].numel() > self.space[x].numel():  # what it would grow by is not set
            made = [m for m in made if "resize" not in m]
        return self.pick(made).format(x=x, y=y)

    def hook(self):
        x = self.name()
        if self.hooks_badly(x):
            return self.reduce()
        made = [
            "h = {x}.register_hook(lambda g: g * 3)", "h.remove()", "{x}.register_hook(lambda g: g.clone().mul_(2))",
            "{x}.grad_fn.register_hook(lambda i, o: None)", "{x}.grad_fn.register_prehook(lambda o: tuple(2 * g for g in o))",
            "h = {x}.register_post_accumulate_grad_hook(lambda t: setattr(t, 'grad', None))", "{x}.retain_grad()",
            "r = {x}.grad_fn.next_functions[0][0].name()", "{x}.register_hook(lambda g: g.sum())",
        ]  # fmt: skip
        return self.pick(made).format(x=x)

    def optimize(self):
        leaf = self.pick([n for n in "pq" if n in self.space] or ["p"])
        if "o" not in self.space or self.chance(4):
            return f"o = torch.optim.{self.pick(KINDS).format(self.pick([f'[{leaf}]', '[p, q]', '[p, p]', f'[{self.name()}]']))}"
        loss = self.pick([f"({leaf} ** 2).sum()", f"({leaf} * 3).mean()", f"{self.name()}.sum()"])
        return self.pick([
            "o.step()", "o.step()", "o.zero_grad()", f"{loss}.backward()", f"o.zero_grad()\n{loss}.backward()\no.step()",
            f"o.zero_grad()\n{loss}.backward()\no.step()", "o.zero_grad(set_to_none=False)", "o.param_groups[0]['lr'] = 0.25",
            f"o.add_param_group({{'params': [{self.name()}]}})",
        ])  # fmt: skip

    def gradient(self):
        x, y = self.name(), self.name()
        made = [
            "({x} ** 2).sum().backward()", "torch.autograd.backward([{x}.sum(), {y}.sum()])", "{x}.norm().backward()",
            "{x}.prod().backward()", "{x}.abs().sum().backward(retain_graph=True)", "({x} * {x}.detach()).sum().backward()",
            "{x}.std().backward()", "{x}.max().backward()",
            "{t} = torch.autograd.grad({x}.sum(), {y}, allow_unused=True, materialize_grads=True)[0].flatten() * 1",
            "{t} = torch.autograd.grad(({x} ** 3).sum(), {y}, create_graph=True)[0].flatten() * 1", "{x}.real.sum().backward()",
            "{x}.logsumexp(0).sum().backward()", "torch.cat([{x}.flatten(), {y}.flatten()]).sum().backward()",
            "{x}.softmax(0).max().backward()",
        ]  # fmt: skip
        return self.pick(made).format(x=x, y=y, t=self.target())
