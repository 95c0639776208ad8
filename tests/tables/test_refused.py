"""Bad calls: PyTorch's exception and message for each, and every tensor left as it was.

fixtures/bad_calls.txt holds calls like those in the tables of fixtures/facts, some written by hand, some drawn at random
for every public name. Of the random ones, one in twelve raised another error in jtorch and is not kept. bad_calls.json
has PyTorch's errors; `python -m tests.make bad_calls` writes it.
"""

import pytest

import jtorch
from tests.rows import everything
from tests.tables.bad_calls import TABLE

GROUP = 60


@pytest.mark.parametrize("at", range(0, len(TABLE.programs), GROUP))
def test_bad_calls_are_refused_as_pytorch_refuses_them(at):
    wrong = [(code, TABLE.differences(jtorch, code)) for code in list(TABLE.programs)[at : at + GROUP]]
    assert not [f"{code}{text}" for code, found in wrong for text in found]


BAD_WRITES = """
x.add_('a')
x.add_(y)
x.add_(x, alpha='a')
x.add_(1, 2, 3)
x.add_(bogus=1)
x += 'a'
x -= y
x @= x
x.mul_(None)
x.div_([1])
x.div_(2, rounding_mode='foo')
x.pow_('a')
x.bitwise_and_(1)
x.copy_(y)
x.copy_('a')
x.fill_('a')
x.fill_(y)
x.fill_(1j)
x.fill_(1e300)
x.zero_(1)
x.exp_(1)
x.clamp_()
x.clamp_('a')
x.lerp_(y, 0.5)
x.addmm_(y, y)
x.addcmul_(y, x)
x.masked_fill_(x, 1)
x.masked_fill_(y > 0, 1.)
x.masked_scatter_(y > 0, x)
x.index_fill_(0, torch.tensor([9]), 1.)
x.index_fill_(0, torch.tensor([0.]), 1.)
x.index_add_(0, torch.tensor([0]), y)
x.index_copy_(0, torch.tensor([0]), y)
x.scatter_(0, torch.tensor([[9]]), 1.)
x.scatter_(0, torch.tensor([[0.]]), 1.)
x.scatter_add_(0, torch.tensor([[0]]), torch.ones(1, 1, dtype=torch.float64))
x.scatter_(0, torch.tensor([[0]]), 1., reduce='foo')
x.put_(torch.tensor([99]), torch.ones(1))
x[5] = 1
x[0, 9] = 1
x['a'] = 1
x[0] = 'a'
x[0] = y
x[[0, 9]] = 1.
x[[0, 1], [0, 1, 2]] = 1.
x[torch.tensor([0, 1])] = torch.ones(3, 3)
x[0] = 1j
x.bernoulli_(2)
x.uniform_(1, 0)
x.normal_(0, -1)
x.exponential_(-1)
x.random_(5, 2)
x.geometric_(0)
x.resize_(2, -1)
x.resize_('a')
x.unsqueeze_(9)
x.squeeze_(9)
x.transpose_(0, 5)
x.as_strided_((9,), (-1,))
x.set_(1)
x.data = 3
x.grad = torch.ones(9)
x.grad = 'a'
x.requires_grad = 'a'
x.shape = 3
x.map_(y, lambda a, b: a)
torch.add(x, 'a', out=x)
torch.add(x, y, out=x)
torch.mm(x, x, out=x)
torch.sum(x, 9, out=x)
""".strip().split("\n")

TENSORS = {
    "a tensor": "x = torch.arange(6.).reshape(2, 3)",
    "a leaf": "x = torch.arange(6.).reshape(2, 3).requires_grad_(); (x * x).sum().backward()",
    "a result": "p = torch.ones(2, 3, requires_grad=True); x = p * 2",
    "a view": "p = torch.arange(12.).reshape(4, 3); x = p[1:3]",
    "a view of a result": "q = torch.ones(3, 2, requires_grad=True); p = q * 1; x = p.t()",
}


def seen(space):
    return {name: everything(jtorch, space[name]) for name in ("x", "y", "p", "q") if name in space}


@pytest.mark.parametrize("kind", TENSORS)
def test_a_refused_write_leaves_every_tensor_as_it_was(kind):
    changed, taken = [], []
    for code in BAD_WRITES:
        space = {"torch": jtorch, "y": jtorch.ones(5)}
        exec(TENSORS[kind], space)
        held, before = space["x"], seen(space)
        try:
            exec(code, space)
            taken.append(code)
        except Exception:
            space["x"] = held  # `x += 'a'` may have rebound x
            if seen(space) != before:
                changed.append(code)
    assert not changed
    assert not taken


def test_a_refused_step_changes_no_parameter():
    weight = jtorch.ones(3, requires_grad=True)
    optimizer = jtorch.optim.SGD([weight], lr=0.1, momentum=0.9)
    weight.sum().backward()
    before = everything(jtorch, weight)
    with pytest.raises(TypeError):
        optimizer.step(1)
    assert everything(jtorch, weight) == before
