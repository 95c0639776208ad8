"""Small parameters go from step to step as one array. The numbers stay right whatever the program does between the steps."""

import copy
import pickle

import numpy as np
import pytest

import jtorch
import jtorch as torch
import jtorch.nn.functional as F
from bench import programs as workloads
from bench import textbook, worker
from jtorch.core import engine
from jtorch.core.engine import disk
from jtorch.core.engine.bundles import Bundle

pytestmark = pytest.mark.optimized

X = np.random.default_rng(0).standard_normal((6, 4)).astype("float32")
Y = np.array([0, 2, 1, 2, 0, 1])


def _freeze(model, kept, step):
    model[2].bias.requires_grad_(step % 2 == 0)


def _overwrite(model, kept, step):
    with torch.no_grad():
        model[0].bias.fill_(0.25)


def _average(model, kept, step):
    kept.setdefault("average", copy.deepcopy(model))
    with torch.no_grad():
        for mine, its in zip(kept["average"].parameters(), model.parameters(), strict=True):
            mine.copy_(its)


def _share(model, kept, step):
    if step != 1:
        return
    kept["average"] = copy.deepcopy(model)
    engine.flush()  # known values are shared, not copied
    for mine, its in zip(kept["average"].parameters(), model.parameters(), strict=True):
        mine.data.copy_(its.data)


def _go_back(model, kept, step):
    if step == 1:
        kept["state"] = copy.deepcopy(model.state_dict())
    elif step == 3:
        model.load_state_dict(kept["state"])


def _through_numpy(model, kept, step):
    array = model[0].weight.detach().numpy()
    array[0] *= 0.5


def _replace(model, kept, step):
    model[0].weight.data = model[0].weight.data * 0.5


def _replace_by_numpys(model, kept, step):
    model[2].bias.data = torch.from_numpy(model[2].bias.detach().numpy() * np.float32(0.5))


def _shrink(model, kept, step):
    """A hand-written weight decay: in some steps it writes to the parameters before the optimizer does."""
    if step % 2:
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(0.9)


def _predict(model, kept, step):
    with torch.no_grad():
        kept.setdefault("predictions", []).append(model(torch.from_numpy(X)).sum().item())


BETWEEN = {
    "nothing": lambda model, kept, step: None,
    "look at one": lambda model, kept, step: model[0].weight.tolist(),
    "look at all": lambda model, kept, step: [p.tolist() for p in model.parameters()],
    "use one": lambda model, kept, step: kept.setdefault("norms", []).append(model[0].weight.norm()),
    "keep a copy": lambda model, kept, step: kept.setdefault("copies", []).append(model[2].weight.detach().clone()),
    "keep an array of JAX's": lambda model, kept, step: kept.setdefault("arrays", []).append(
        model[2].bias.__jax_array__()
    ),
    "keep a graph": lambda model, kept, step: kept.setdefault("graphs", []).append(model(torch.from_numpy(X))),
    "pickle": lambda model, kept, step: kept.setdefault("bytes", []).append(
        pickle.loads(pickle.dumps(model[0].weight))
    ),
    "freeze one now and then": _freeze,
    "overwrite one": _overwrite,
    "replace one": _replace,
    "replace the last by NumPy's": _replace_by_numpys,
    "shrink all": _shrink,
    "write through NumPy": _through_numpy,
    "copy all": _average,
    "share all": _share,
    "go back": _go_back,
    "predict": _predict,
}
OPTIMIZERS = {
    "Adam": lambda torch, params: torch.optim.Adam(params, lr=0.05),
    "SGD": lambda torch, params: torch.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "two groups": lambda torch, params: torch.optim.AdamW(
        [{"params": params[:2], "lr": 0.01}, {"params": params[2:]}], lr=0.1
    ),
}


def trained(optimizer, between, steps=5):
    """(losses, parameters, what was kept) after some steps."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    opt = OPTIMIZERS[optimizer](torch, list(model.parameters()))
    losses, kept = [], {}
    for step in range(steps):
        opt.zero_grad()
        loss = F.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(Y))
        loss.backward()
        opt.step()
        losses.append(loss)
        BETWEEN[between](model, kept, step)
    model_kept = kept.pop("average", None)
    kept = {k: [np.asarray(getattr(v, "detach", lambda v=v: v)()) for v in kept[k]] for k in kept if k != "state"}
    kept["average"] = [p.tolist() for p in model_kept.parameters()] if model_kept else []
    return [loss.item() for loss in losses], [p.tolist() for p in model.parameters()], kept


@pytest.mark.optimized(False)
@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_is_done_between_the_steps_changes_no_number(optimizer, between):
    found = trained(optimizer, between)
    with jtorch.eager():  # line by line: there are no bundles
        wanted = trained(optimizer, between)
    same(found, wanted)


def test_a_hook_reads_what_the_step_made():
    """The hook's lines follow the optimizer's in the same program."""

    def norms():
        torch.manual_seed(0)
        model, found = torch.nn.Linear(4, 3), []
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        opt.register_step_post_hook(lambda *_: found.append(model.weight.detach().norm() + model.bias.detach().sum()))
        for _ in range(4):
            opt.zero_grad()
            F.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
            opt.step()
        return [norm.item() for norm in found]

    found = norms()
    with jtorch.eager():
        wanted = norms()
    same(found, wanted)


def same(found, wanted):
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        found, wanted = list(found.values()), list(wanted.values())
    if isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for f, w in zip(found, wanted, strict=True):
            same(f, w)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def stepping(between):
    """(a model in training, a function that trains it for one more step)."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    opt = torch.optim.Adam(model.parameters())

    def step():
        opt.zero_grad()
        F.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
        opt.step()
        engine.flush()
        BETWEEN[between](model, {}, 0)

    for _ in range(3):
        step()
    return model, step


def test_parameters_are_parts_of_one_array():
    model, step = stepping("nothing")
    bundles = {p._value.array[0] for p in model.parameters()}
    assert len(bundles) == 1
    (bundle,) = bundles
    assert isinstance(bundle, Bundle)
    assert bundle.array.shape == (4 * 8 + 8 + 8 * 3 + 3,)
    step()
    assert bundle.array.is_deleted()  # it was donated: no second copy of the parameters


def test_parameters_without_elements():
    empty = [torch.zeros(0, 3, requires_grad=True), torch.zeros(2, 0, requires_grad=True)]
    full = torch.ones(3, requires_grad=True)
    for params in (empty, [*empty, full, torch.ones(2, requires_grad=True)]):
        opt = torch.optim.SGD(params, lr=0.5)
        for _ in range(3):
            opt.zero_grad()
            sum((p * 2).sum() for p in params).backward()
            opt.step()
    assert full.tolist() == [-2.0] * 3
    assert empty[0].shape == (0, 3)


def test_a_bundle_that_somebody_sees_is_not_given_away():
    model, step = stepping("nothing")
    bundle, _ = model[0].weight._value.array
    seen = model[0].weight.detach()._to_numpy()
    before = seen.copy()
    step()
    assert not bundle.array.is_deleted()
    assert np.array_equal(seen, before)


@pytest.mark.parametrize("between", ["nothing", "look at all", "use one", "predict", "keep an array of JAX's"])
def test_nothing_compiles_from_the_third_step_on(between):
    _, step = stepping(between)
    before = jtorch.compiler.stats().compiles
    for _ in range(3):
        step()
    assert jtorch.compiler.stats().compiles == before


@pytest.mark.parametrize("workload", ["mlp", "cnn4", "vae"])
def test_a_step_takes_the_memory_of_the_hand_written_one(workload, monkeypatch):
    # XLA assigns memory before it makes machine code, so quick options give the same figures.
    monkeypatch.setattr(jtorch.core.facts.config, "compiler_options", {"xla_backend_optimization_level": 0})
    engine.reset()
    step = workloads.build(torch, workload)
    for _ in range(3):
        step()
    engine.flush()
    held = worker.held_bytes(jtorch.compiler.last_program_memory())
    _, compiled = textbook.build(workload)
    assert held <= 1.1 * worker.held_bytes(compiled().memory_analysis())


def test_no_large_parameter_is_copied_in_a_step(monkeypatch):
    """The backward pass reads a weight for the gradient of its layer's input, and the update overwrites the weight."""
    made, compile = [], disk.DiskStore.compile
    monkeypatch.setattr(disk.DiskStore, "compile", lambda *args: made.append(compile(*args)) or made[-1])
    model = torch.nn.Sequential(torch.nn.Linear(4, 150), torch.nn.Linear(150, 151), torch.nn.Linear(151, 152))
    opt = torch.optim.Adam(model.parameters())
    for _ in range(3):
        opt.zero_grad()
        model(torch.ones(8, 4)).square().mean().backward()
        opt.step()
    engine.flush()
    copies = [line.strip() for line in made[-1].as_text().split("\n") if " copy(" in line]
    assert not [line for line in copies if "f32[151,150]" in line or "f32[152,151]" in line]
