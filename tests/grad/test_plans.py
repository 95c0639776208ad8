"""Replayed backward passes: a replay gives what a full pass gives, and a different graph gets a full pass."""

import pytest

import jtorch as torch
from jtorch.core import engine
from jtorch.core.grad.replay import Plan

pytestmark = pytest.mark.optimized


@pytest.fixture
def followed(monkeypatch):
    """How many backward passes were replayed."""
    count = []
    follow = Plan.follow

    def counted(*args):
        done = follow(*args)
        count.append(done)
        return done

    monkeypatch.setattr(Plan, "follow", staticmethod(counted))
    engine.reset()
    return count


def test_the_second_pass_is_replayed(followed):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for scale in (2.0, 3.0, 4.0):
        x.grad = None
        (x * scale).exp().sum().backward()
        assert x.grad.tolist() == pytest.approx([scale * 2.718281828 ** (scale * v) for v in (1.0, 2.0)], rel=1e-4)
    assert followed == [True, True]


def test_a_pass_from_a_given_gradient_is_not_replayed(followed):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for given in ([1.0, 1.0], [2.0, 0.0], [0.0, 5.0]):
        x.grad = None
        (x * 3).backward(torch.tensor(given))
        assert x.grad.tolist() == [3 * g for g in given]
    assert True not in followed


def test_another_graph_over_the_same_lines_gets_a_full_pass():
    """`detach` changes where gradients go, but records no line."""
    engine.reset()
    x = torch.tensor([2.0], requires_grad=True)
    grads = []
    for cut in (False, False, True, True, False):
        x.grad = None
        y = x * x
        z = (y.detach() if cut else y) * x
        z.sum().backward()
        grads.append(x.grad.item())
    assert grads == [12.0, 12.0, 4.0, 4.0, 12.0]


@pytest.mark.parametrize("wanted", ["ab", "aa", "a-", "-a"])
@pytest.mark.parametrize("before", ["ab", "aa", "a-", "-a"])
def test_one_leaf_in_two_places_is_another_graph_than_two_leaves_or_none(before, wanted):
    """The lines are the same; only which leaves the two factors are differs."""
    engine.reset()

    def gradients(which):
        leaves = {
            "a": torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True),
            "b": torch.tensor([[5.0, 6.0], [7.0, 8.0]], requires_grad=True),
            "-": torch.tensor([[9.0, 10.0], [11.0, 12.0]]),
        }
        x, y = leaves[which[0]], leaves[which[1]]
        (x * y.t()).sum().backward()
        return [leaves[k].grad.tolist() for k in sorted(set(which) - {"-"})]

    for which in (before, before):
        gradients(which)
    got = gradients(wanted)
    engine.reset()
    assert got == gradients(wanted)


def test_a_root_that_is_another_output_gets_a_full_pass():
    engine.reset()
    for i in (3, 3, 0, 2, 0, 3):
        x = torch.tensor([0.5, 1.0, -1.0, 2.0], requires_grad=True)
        x.clone().unbind()[i].backward()
        assert x.grad.tolist() == [float(k == i) for k in range(4)]


def test_a_hook_is_never_skipped():
    engine.reset()
    x = torch.tensor([2.0], requires_grad=True)
    seen = []
    for hooked in (False, False, True, False):
        x.grad = None
        y = x * 3
        if hooked:
            y.register_hook(lambda g: seen.append(g.item()) or g * 10)
        (y * y).sum().backward()
        seen.append(x.grad.item())
    assert seen == [36.0, 36.0, 12.0, 360.0, 36.0]


def test_gradients_add_up_where_there_are_some():
    engine.reset()
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for round in range(1, 4):
        (x * 2).sum().backward()
        assert x.grad.tolist() == [2.0 * round] * 2


def test_an_overwritten_value_raises_on_the_second_round_too():
    engine.reset()
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for spoil in (False, False, True):
        x.grad = None
        y = x.exp()
        z = y * 2
        if spoil:
            y.add_(1)
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                z.sum().backward()
        else:
            z.sum().backward()


def test_a_freed_graph_raises_on_the_second_round_too():
    engine.reset()
    x = torch.tensor([1.0], requires_grad=True)
    for _ in range(3):
        y = (x * x).sum()
        y.backward()
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            y.backward()
