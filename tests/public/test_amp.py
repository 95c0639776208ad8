"""torch.amp: dtypes under autocast, gradients, no effect outside of it; GradScaler skips a step without waiting for values."""

import pickle
import warnings

import jax
import pytest

import jtorch
from jtorch.amp.autocast_mode import rule_of
from jtorch.core import engine
from jtorch.core.facts import devices
from jtorch.core.op.op import DECLARED
from jtorch.core.ops.windows.convolve import Window, convolve
from tests.public import amp_cases


@pytest.mark.parametrize("name", amp_cases.TABLE.programs)
def test_types_are_pytorchs(name):
    assert not amp_cases.TABLE.differences(jtorch, name)


# PyTorch's AutocastTestLists, by its names
CUDA_LISTS = {
    "low": """linalg_vecdot linalg_multi_dot linear conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d
        conv_transpose3d prelu addmm addmv addr matmul einsum mm mv chain_matmul addbmm baddbmm bmm gru_cell""",
    "float32": """softplus nll_loss l1_loss smooth_l1_loss mse_loss multilabel_margin_loss soft_margin_loss multi_margin_loss
        acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow softmax log_softmax layer_norm
        group_norm linalg_vector_norm cosine_similarity poisson_nll_loss cosine_embedding_loss hinge_embedding_loss kl_div
        margin_ranking_loss triplet_margin_loss binary_cross_entropy_with_logits cumprod cumsum dist pdist cdist prod renorm
        sum logsumexp""",
    "widest": "addcdiv addcmul atan2 bilinear cross dot vdot grid_sample index_put tensordot scatter_add",
    "banned": "binary_cross_entropy",
    None: "eq ge gt le lt ne add div mul cat equal stack relu gelu sigmoid mean max_pool2d batch_norm embedding",
}
HERE_CALLED = {
    "chain_matmul": "multi_dot",
    "linalg_vecdot": "vecdot",
    "linalg_multi_dot": "multi_dot",
    "binary_cross_entropy_with_logits": "bce_with_logits",
}


@pytest.mark.parametrize("rule, name", [(rule, n) for rule, names in CUDA_LISTS.items() for n in names.split()])
def test_the_lists_for_a_gpu_are_pytorchs(rule, name):
    name = HERE_CALLED.get(name, name)
    found = {rule_of(op, "cuda") for op in DECLARED if op.name.removeprefix("_") == name}
    assert (found or {None}) == {rule}  # a function of several ops runs in its arguments' dtypes


def test_regions_nest_and_leave_nothing():
    x = jtorch.ones(2, 2)
    with jtorch.autocast("cpu", dtype=jtorch.float16):
        inside = (x @ x).dtype
        with jtorch.autocast("cpu", enabled=False):
            off = (x @ x).dtype, jtorch.is_autocast_enabled("cpu")
        again = (x @ x).dtype
    assert (inside, off, again) == (jtorch.float16, (jtorch.float32, False), jtorch.float16)
    assert (x @ x).dtype is jtorch.float32
    assert jtorch.get_autocast_dtype("cpu") is jtorch.bfloat16
    assert "record" not in vars(jtorch.core.engine.local.trace)


def test_it_is_a_decorator_too():
    double = jtorch.autocast("cpu")(lambda x: x @ x)
    assert double(jtorch.eye(2)).dtype is jtorch.bfloat16
    assert double(jtorch.eye(2).double()).dtype is jtorch.float64


def test_gradients_come_back_in_the_parameters_type():
    model = jtorch.nn.Sequential(jtorch.nn.Linear(3, 4), jtorch.nn.ReLU(), jtorch.nn.Linear(4, 2))
    with jtorch.autocast("cpu"):
        out = model(jtorch.ones(5, 3))
        loss = jtorch.nn.functional.mse_loss(out, jtorch.zeros(5, 2))
    assert (out.dtype, loss.dtype) == (jtorch.bfloat16, jtorch.float32)
    loss.backward()
    assert {p.grad.dtype for p in model.parameters()} == {jtorch.float32}


def test_a_training_step_under_autocast_compiles_once():
    model = jtorch.nn.Linear(3, 1)
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    programs = []
    for _ in range(4):
        optimizer.zero_grad()
        with jtorch.autocast("cpu"):
            loss = model(jtorch.ones(4, 3)).float().pow(2).mean()
        loss.backward()
        optimizer.step()
        loss.item()
        programs.append(jtorch.compiler.stats().compiles)
    assert programs[1:] == [programs[0]] * 3


def test_values_are_close_to_pytorchs():
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv2d", "layer_norm", "cross_entropy", "softmax", "batch_norm"):
        name = {"cross_entropy": "ce"}.get(name, name)
        a, b = amp_cases.called(jtorch, name, lambda t: t), amp_cases.called(torch, name, lambda t: t)
        assert (a.detach().float().numpy() - b.detach().float().numpy()).__abs__().max() < 0.02


def test_gpu_regions_are_off_without_one():
    if jtorch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.warns(UserWarning, match="CUDA is not available"):
        region = jtorch.autocast("cuda")
    with region:
        assert not jtorch.is_autocast_enabled()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        jtorch.cuda.amp.autocast()
    assert "autocast('cuda', args...)" in str(seen[0].message)


@pytest.mark.parametrize(
    "code, error, message",
    [
        ("torch.autocast(1)", ValueError, "Expected `device_type` of type `str`, got: `<class 'int'>`"),
        ("torch.autocast('abc')", RuntimeError, "Expected one of cpu, cuda, ipu, xpu,"),
        ("torch.autocast('cpu')(1)", TypeError, "autocast()(func) requires a callable, but got int."),
        ("torch.amp.GradScaler('cpu', growth_factor=1.0)", AssertionError, "The growth factor must be > 1.0."),
        ("torch.amp.GradScaler('cpu').update()", AssertionError, "Attempted update but _scale is None."),
    ],
)
def test_errors_are_pytorchs(code, error, message):
    with pytest.raises(error) as seen:
        eval(code, {"torch": jtorch})
    assert str(seen.value).startswith(message)


def test_a_function_of_ones_own_runs_as_its_decorators_say():
    seen = []

    class Double(jtorch.autograd.Function):
        @staticmethod
        @jtorch.amp.custom_fwd(device_type="cpu", cast_inputs=jtorch.float32)
        def forward(ctx, x):
            seen.append((x.dtype, jtorch.is_autocast_enabled("cpu")))
            return x @ x

        @staticmethod
        @jtorch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append(jtorch.is_autocast_enabled("cpu"))
            return grad

    x = jtorch.eye(2, dtype=jtorch.bfloat16, requires_grad=True)
    with jtorch.autocast("cpu"):
        Double.apply(x).sum().backward()
    assert seen == [(jtorch.float32, False), False]


# ---- GradScaler


def train(torch, infinite=(), **options):
    """Parameters and scales after six steps, some of which have an infinite gradient."""
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = torch.optim.Adam([p], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2, **options)
    scales, losses = [], []
    for i in range(6):
        optimizer.zero_grad()
        loss = (p * (float("inf") if i in infinite else 1.0)).pow(2).sum()
        scaler.scale(loss).backward()
        if i % 2:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
        losses.append(loss.item())
    return p.detach().numpy().tolist(), scales, scaler.state_dict(), optimizer.state[p]["step"].item()


@pytest.mark.parametrize("infinite", [(), (0,), (2, 3)])
def test_steps_with_infinite_gradients_change_nothing(infinite):
    torch = pytest.importorskip("torch")
    ours, theirs = train(jtorch, infinite), train(torch, infinite)
    assert ours[0] == pytest.approx(theirs[0], abs=1e-6)
    assert ours[1:] == theirs[1:]


def test_a_scaled_step_waits_for_nothing():
    p = jtorch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = jtorch.optim.SGD([p], lr=0.1, momentum=0.9)
    scaler = jtorch.amp.GradScaler("cpu", init_scale=8.0)
    counts = []
    for _ in range(6):
        optimizer.zero_grad()
        scaler.scale(p.pow(2).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        counts.append((jtorch.compiler.stats().runs, jtorch.compiler.stats().compiles))
    runs, compiles = zip(*counts, strict=True)
    assert runs[5] - runs[2] == 3  # one program a step, started by the first line of the next
    assert compiles[5] == compiles[2]


def test_a_users_own_optimizer_is_stepped_or_not():
    class Own(jtorch.optim.Optimizer):
        def step(self, closure=None):
            with jtorch.no_grad():
                for p in self.param_groups[0]["params"]:
                    p.sub_(p.grad)

    p = jtorch.tensor([1.0], requires_grad=True)
    optimizer, scaler = Own([p], {}), jtorch.amp.GradScaler("cpu", init_scale=2.0)
    for factor in (1.0, float("inf")):
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert p.item() == 0.0
    assert scaler.get_scale() == 1.0


def test_a_scaler_can_be_pickled_and_loaded():
    scaler = jtorch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale(jtorch.ones(1))
    again = pickle.loads(pickle.dumps(scaler))
    assert again.state_dict() == scaler.state_dict()
    other = jtorch.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 4.0


def test_convolutions_of_a_gpu_use_tf32_unless_told_otherwise(monkeypatch):
    """Reads the programs that XLA would get on a GPU: products in full float32, convolutions in TF32, and cudnn's switch."""
    window = Window((1, 1), ((0, 0), (0, 0)), (1, 1), 1)

    def given():
        with jax.default_matmul_precision(engine.precision["matmul"]):
            image, kernel = jax.ShapeDtypeStruct((1, 1, 4, 4), "float32"), jax.ShapeDtypeStruct((1, 1, 2, 2), "float32")
            traced = jax.make_jaxpr(lambda x, w: (convolve(x, w, window), x[0, 0] @ x[0, 0]))(image, kernel)
        return {e.primitive.name: e.params["precision"] for e in traced.eqns if "precision" in e.params}

    low, full = (jax.lax.Precision.DEFAULT,) * 2, (jax.lax.Precision.HIGHEST,) * 2
    monkeypatch.setattr(devices, "traced_kind", lambda: devices.KINDS["cuda"])
    assert jtorch.backends.cudnn.allow_tf32
    assert given() == {"conv_general_dilated": low, "dot_general": full}
    with jtorch.backends.cudnn.flags(allow_tf32=False):
        assert not jtorch.backends.cudnn.allow_tf32
        assert given() == {"conv_general_dilated": full, "dot_general": full}
    assert given() == {"conv_general_dilated": low, "dot_general": full}
