"""torch.optim against PyTorch: losses, parameters and state after ten steps, errors, files, and what compiles."""

import copy
import io
import json

import numpy as np
import pytest

import jtorch
from jtorch.core import engine
from jtorch.core.facts import config
from tests.optim import optimizers
from tests.optim.wrong_settings import TABLE
from tests.rows import load

ROWS = load("optim.json", "optim")["rows"]
NAMES = sorted(
    set(jtorch.optim.__all__)
    - {"Optimizer", "Optax", "SparseAdam", "lr_scheduler", "swa_utils", "swap_in_optimizer_params_and_state"}
)

# Muon's matrices are bfloat16, whose last bit depends on the order of a sum; a line search may take another branch if a
# number differs in the last bit.
LOOSE = {"Muon": 6e-3, "LBFGS": 1e-3}


def close(got, want, name):
    far, texts = optimizers.distance(got, want)
    assert not texts
    assert far < LOOSE.get(name, 1e-5)


def test_every_optimizer_is_in_the_table():
    assert {row["name"] for row in ROWS} == set(NAMES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_ten_steps_are_pytorchs(row):
    losses, params, state = optimizers.run(jtorch, row["name"], row["settings"])
    close(losses, row["losses"], row["name"])
    close([optimizers.plain(jtorch.tensor(p)) for p in params], row["params"], row["name"])
    if row["name"] == "LBFGS":  # PyTorch keeps a scratch list, al, in its state
        return
    close(json.loads(json.dumps(optimizers.plain(state))), row["state"], row["name"])


@pytest.mark.parametrize("code", TABLE.programs)
def test_errors_and_texts_are_pytorchs(code):
    assert not TABLE.differences(jtorch, code)


@pytest.mark.parametrize("row", [r for r in optimizers.ROWS if r[0] != "LBFGS"], ids=lambda row: row[0])
def test_all_steps_are_one_program_also_under_a_schedule(row):
    name, settings = row
    engine.reset()  # all rows make equal parameters: the trace that makes them would be compiled when it has come 50 times
    before = jtorch.compiler.stats().programs
    optimizers.run(jtorch, name, settings, schedule=True)
    first_alone = settings.get("dampening", 0) != 0
    # One for a step, one for the last step, whose gradients are still held when its results are looked at.
    assert jtorch.compiler.stats().programs - before <= 2 + first_alone
    again = jtorch.compiler.stats().programs
    optimizers.run(jtorch, name, settings, steps=14, schedule=True)
    assert jtorch.compiler.stats().programs == again


@pytest.mark.parametrize("row", optimizers.ROWS, ids=lambda row: row[0])
def test_training_goes_on_after_saving_and_loading(row, monkeypatch):
    # A line search amplifies the last bit, in which NumPy's first run and XLA's program differ.
    monkeypatch.setattr(config, "numpy_lines", False)
    name, settings = row
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}

    def steps(optimizer, params, n):
        def closure():
            optimizer.zero_grad()
            loss = optimizers.loss_of(jtorch, params)
            loss.backward()
            return loss

        for _ in range(n):
            optimizer.step(closure)

    straight = optimizers.parameters(jtorch, name)
    steps(getattr(jtorch.optim, name)(straight, **settings), straight, 4)
    params = optimizers.parameters(jtorch, name)
    optimizer = getattr(jtorch.optim, name)(params, **settings)
    steps(optimizer, params, 2)
    file = io.BytesIO()
    jtorch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = getattr(jtorch.optim, name)(params, **settings)
    other.load_state_dict(jtorch.load(file, weights_only=False))
    steps(other, params, 2)
    for a, b in zip(straight, params, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_parameter_that_pauses_keeps_its_step_count():
    p, q = jtorch.ones(2, requires_grad=True), jtorch.ones(3, requires_grad=True)
    optimizer = jtorch.optim.Adam([p, q])
    p.grad, q.grad = jtorch.ones(2), jtorch.ones(3)
    optimizer.step()
    q.grad = None
    optimizer.step()
    assert [optimizer.state[t]["step"].item() for t in (p, q)] == [2, 1]


def test_groups_have_their_own_settings():
    p, q, r = (jtorch.ones(2, requires_grad=True) for _ in range(3))
    optimizer = jtorch.optim.SGD(
        [{"params": p, "name": "first"}, {"params": [q], "lr": 0.5, "weight_decay": 1.0}], lr=0.1
    )
    optimizer.add_param_group({"params": [r], "lr": 0.0})
    for t in (p, q, r):
        t.grad = jtorch.ones(2)
    optimizer.step()
    assert [t.tolist()[0] for t in (p, q, r)] == pytest.approx([0.9, 0.0, 1.0])


def test_hooks_run_around_a_step():
    p = jtorch.ones(2, requires_grad=True)
    optimizer, seen = jtorch.optim.Adam([p]), []
    optimizer.register_step_pre_hook(lambda *args: seen.append("before"))
    optimizer.register_step_post_hook(lambda *args: seen.append("after"))
    optimizer.register_state_dict_post_hook(lambda optimizer, state: state | {"more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda optimizer, state: seen.append("load"))
    optimizer.step(lambda: seen.append("closure"))
    assert optimizer.state_dict()["more"] == 1
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["before", "closure", "after", "load"]


def test_a_sparse_optimizer_leaves_rows_without_a_gradient_alone():
    table = jtorch.nn.Embedding(5, 2, sparse=True)
    before = table.weight.detach().clone()
    optimizer = jtorch.optim.SparseAdam(table.parameters(), lr=0.1)
    for i in (1, 3):
        optimizer.zero_grad()
        table(jtorch.tensor([i])).sum().backward()
        optimizer.step()
    moved = (table.weight.detach() != before).any(1)
    assert moved.tolist() == [False, True, False, True, False]


class OfData(jtorch.optim.Optimizer):
    """A user's own optimizer that updates p.data."""

    def __init__(self, params, lr=0.1, beta=0.5):
        super().__init__(params, dict(lr=lr, beta=beta))

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["average"] = jtorch.zeros_like(p.data)
                state["step"] += 1
                state["average"].mul_(group["beta"]).add_(p.grad.data, alpha=1 - group["beta"])
                p.data.add_(state["average"] / (1 - group["beta"] ** state["step"]), alpha=-group["lr"])


class UnderNoGrad(OfData):
    """The same, but it writes to p under no_grad."""

    @jtorch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in [p for p in group["params"] if p.grad is not None]:
                state = self.state[p]
                state["step"] = state.get("step", 0) + 1
                average = state.setdefault("average", jtorch.zeros_like(p))
                average.lerp_(p.grad, 1 - group["beta"])
                p.sub_(average * (group["lr"] / (1 - group["beta"] ** state["step"])))


@pytest.mark.parametrize("kind", [OfData, UnderNoGrad])
def test_a_users_own_optimizer_is_compiled_with_the_step(kind):
    jtorch.manual_seed(0)
    model, x = jtorch.nn.Sequential(jtorch.nn.Linear(3, 4), jtorch.nn.Linear(4, 1)), jtorch.randn(8, 3)
    optimizer = kind(model.parameters())
    scheduler = jtorch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    losses = []
    for i in range(8):
        if i == 2:  # the first step makes the state, so it is a program of its own
            before = jtorch.compiler.stats()
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    after = jtorch.compiler.stats()
    assert losses[-1] < losses[0] / 2
    assert after.compiles == before.compiles
    assert after.runs - before.runs <= 2 * 6  # the step, and the trace that reading the loss ends
    assert after.line_runs == before.line_runs


def test_the_step_itself_can_be_differentiated():
    w, lr = jtorch.tensor([1.0, 2.0], requires_grad=True), jtorch.tensor(0.1, requires_grad=True)
    p = w.clone()
    p.retain_grad()
    p.grad = w**3
    optimizer = jtorch.optim.SGD([p], lr=lr, differentiable=True)
    optimizer.step()
    p.sum().backward()
    assert w.grad.tolist() == pytest.approx([1 - 0.3, 1 - 1.2])
    assert lr.grad.item() == pytest.approx(-9.0)


def test_an_optimizer_can_be_copied_with_its_model():
    model = jtorch.nn.Linear(2, 2)
    optimizer = jtorch.optim.Adam(model.parameters())
    model(jtorch.ones(2)).sum().backward()
    optimizer.step()
    copied_model, copied = copy.deepcopy((model, optimizer))
    assert copied.param_groups[0]["params"][0] is copied_model.weight
    copied_model(jtorch.ones(2)).sum().backward()
    copied.step()
    assert optimizer.state[model.weight]["step"].item() == 1


def test_an_optax_transformation_is_an_optimizer():
    optax = pytest.importorskip("optax")
    model, x = jtorch.nn.Linear(3, 1), jtorch.ones(4, 3)
    tx = optax.multi_transform({"w": optax.lion(0.05), "b": optax.set_to_zero()}, {"weight": "w", "bias": "b"})
    optimizer = jtorch.optim.Optax(model.named_parameters(), tx)
    scheduler = jtorch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    bias, losses = model.bias.tolist(), []
    for _ in range(6):
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert model.bias.tolist() == bias
    file = io.BytesIO()
    jtorch.save(optimizer.state_dict()["state"], file)


def test_an_averaged_model_copies_then_averages():
    utils = jtorch.optim.swa_utils
    model = jtorch.nn.Linear(1, 1, bias=False)
    equal, ema = utils.AveragedModel(model), utils.AveragedModel(model, multi_avg_fn=utils.get_ema_multi_avg_fn(0.75))
    for value in (1.0, 2.0, 6.0):
        with jtorch.no_grad():
            model.weight.fill_(value)
        equal.update_parameters(model)
        ema.update_parameters(model)
    assert equal.module.weight.item() == pytest.approx(3.0)
    assert ema.module.weight.item() == pytest.approx((1 * 0.75 + 2 * 0.25) * 0.75 + 6 * 0.25)
    assert equal.n_averaged.item() == 3


def test_statistics_of_batch_norm_are_worked_out_anew():
    model = jtorch.nn.Sequential(jtorch.nn.BatchNorm1d(2))
    batches = [jtorch.tensor([[0.0, 1.0], [2.0, 3.0]]), [jtorch.tensor([[4.0, 5.0], [6.0, 7.0]]), "label"]]
    jtorch.optim.swa_utils.update_bn(batches, model)
    assert model[0].running_mean.tolist() == [3.0, 4.0]
    assert model[0].momentum == 0.1
