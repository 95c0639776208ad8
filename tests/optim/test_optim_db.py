"""Every optimizer with every row of options of PyTorch's own optim_db: 20 steps, errors, live against PyTorch."""

import warnings

import pytest

import jtorch
from tests import torch_tables
from tests.optim import optimizers

torch = pytest.importorskip("torch")
common = torch_tables.module("common_optimizers")

pytestmark = pytest.mark.parity

# bfloat16 products; maximizing makes numbers large; a line search may take another branch at the last bit
LOOSE = {"Muon": 6e-3, "LBFGS": 1e-3, "ASGD": 1e-4}

CASES = [
    pytest.param(info.name, row, dtype, id=f"{info.name}-{dtype}-{row.desc}-{i}")
    for info in common.optim_db
    if not info.only_supports_sparse_grads  # jtorch has dense gradients only
    for dtype in ["float32", *["complex64"] * info.supports_complex]
    for i, row in enumerate(info.optim_inputs_func(device="cpu"))
]


@pytest.mark.parametrize("name, row, dtype", CASES)
def test_twenty_steps_are_pytorchs(name, row, dtype):
    mine = {k: _ours(v, {}) for k, v in row.kwargs.items()}
    theirs = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in row.kwargs.items()}
    steps = 5 if name == "LBFGS" else 20  # of up to 20 iterations each
    losses, params, state = optimizers.run(torch, name, theirs, steps, dtype, large=False)
    got = optimizers.run(jtorch, name, mine, steps, dtype, large=False)
    far, texts = optimizers.distance([got[0], [_parts(p) for p in got[1]]], [losses, [_parts(p) for p in params]])
    assert not texts
    assert far < LOOSE.get(name, 1e-5)
    assert list(state["param_groups"][0]) == list(got[2]["param_groups"][0])
    for number, held in state["state"].items():
        assert [k for k in held if k != "al"] == list(got[2]["state"][number])


def _parts(array):
    return [array.real.ravel().tolist(), array.imag.ravel().tolist()]


def _ours(x, memo):
    """The value with jtorch's tensors in place of PyTorch's; one tensor stays one tensor."""
    if isinstance(x, torch.Tensor):
        if id(x) not in memo:
            made = jtorch.tensor(x.tolist(), dtype=getattr(jtorch, str(x.dtype)[6:]))
            memo[id(x)] = jtorch.nn.Parameter(made) if isinstance(x, torch.nn.Parameter) else made
            if x.grad is not None:
                memo[id(x)].grad = jtorch.tensor(x.grad.tolist(), dtype=made.dtype)
        return memo[id(x)]
    if isinstance(x, list | tuple):
        return type(x)(_ours(i, memo) for i in x)
    return {k: _ours(v, memo) for k, v in x.items()} if isinstance(x, dict) else x


def _outcome(T, name, row, on):
    params = row.params if row.params is not None else [torch.nn.Parameter(torch.ones(1, 1))]
    params, kwargs = (params, row.kwargs) if T is torch else (_ours(params, {}), _ours(row.kwargs, {}))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            optimizer = getattr(T.optim, name)(params, **kwargs)
            if on is common.OptimizerErrorEnum.STEP_ERROR:
                optimizer.step()
        except Exception as error:
            return [type(error).__name__, str(error)]
    return [str(w.message) for w in seen]


@pytest.mark.parametrize("info", common.optim_db, ids=lambda info: info.name)
def test_wrong_settings_raise_pytorchs_errors(info):
    for case in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        row = case.optimizer_error_input
        if "dense params required" in row.desc:
            continue  # jtorch has no sparse gradients
        mine, theirs = (_outcome(T, info.name, row, case.error_on) for T in (jtorch, torch))
        assert mine == theirs, row.desc


@pytest.mark.parametrize("row", optimizers.ROWS, ids=lambda row: row[0])
def test_states_go_both_ways(row, tmp_path):
    """A state saved by one library continues in the other."""
    name, settings = row
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    for here, there in ((torch, jtorch), (jtorch, torch)):
        params, path = _go(here, name, settings, 3, None), tmp_path / "state.pt"
        here.save([params[1].state_dict(), [p.detach() for p in params[0]]], path)
        straight = _go(here, name, settings, 2, (params[1], params[0]))[0]
        state, values = there.load(path, weights_only=False)
        mine = [v.clone().requires_grad_() for v in values]
        optimizer = getattr(there.optim, name)(mine, **settings)
        optimizer.load_state_dict(state)
        went_on = _go(there, name, settings, 2, (optimizer, mine))[0]
        a, b = ([_parts(p.detach().numpy()) for p in ps] for ps in (straight, went_on))
        assert optimizers.distance(b, a)[0] < LOOSE.get(name, 1e-5)


def _go(T, name, settings, steps, begun):
    params = optimizers.parameters(T, name) if begun is None else begun[1]
    optimizer = getattr(T.optim, name)(params, **settings) if begun is None else begun[0]

    def closure():
        optimizer.zero_grad()
        loss = optimizers.loss_of(T, params)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return params, optimizer
