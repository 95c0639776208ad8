"""Rows for optimizers, which tests/make/optim.py and the tests run under PyTorch or jtorch: name, settings, result."""

import numpy as np

ROWS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": [0.8, 0.95], "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2, "maximize": True}),
    ("Adamax", {"lr": 0.05, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "momentum_decay": 0.01, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2, "weight_decay": 0.1}),
    ("Adadelta", {"rho": 0.8, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"lr": 0.05, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.05, "etas": [0.4, 1.3], "step_sizes": [1e-3, 0.1]}),
    ("ASGD", {"lr": 0.05, "t0": 3, "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adafactor", {"d": 1.5, "eps": [1e-6, 1e-2], "maximize": True}),
    ("LBFGS", {"lr": 0.2, "max_iter": 3, "history_size": 2}),
    ("LBFGS", {"line_search_fn": "strong_wolfe", "max_iter": 4}),
    ("Muon", {"lr": 0.05}),
    ("Muon", {"lr": 0.05, "nesterov": False, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0}),
]


def parameters(torch, name, dtype="float32", large=True):
    """Small parameters, a large one that no optimizer joins with others (if `large`), and one that never has a gradient."""
    random = np.random.RandomState(0)
    shapes = [(2, 3), (4, 5)] if name == "Muon" else [(2, 3), (3,), (), (130, 130) if large else (3, 2), (4,)]
    arrays = [np.array(random.randn(*shape)) for shape in shapes]
    if dtype.startswith("complex"):
        arrays = [a + 1j * random.randn(*np.shape(a)) for a in arrays]
    return [torch.tensor(a, dtype=getattr(torch, dtype)).requires_grad_() for a in arrays]


def loss_of(torch, params):
    """A loss that is not convex and differs from element to element. It uses the last parameter only if all are matrices."""
    used = params if all(p.ndim == 2 for p in params) else params[:-1]
    return sum(((p - 0.3).abs() ** 2).mean() + 0.1 * ((p + 0.2).abs() ** 4).mean() for p in used)


def run(torch, name, settings, steps=None, dtype="float32", schedule=False, large=True):
    """Run the steps: (losses, parameters, state_dict)."""
    steps = steps or (3 if name == "LBFGS" else 10)  # rounding errors grow in a line search
    params = parameters(torch, name, dtype, large)
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    optimizer = getattr(torch.optim, name)(params, **settings)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9) if schedule else None

    def closure():
        optimizer.zero_grad()
        loss = loss_of(torch, params)
        loss.backward()
        return loss

    losses = []
    for _ in range(steps):
        losses.append(optimizer.step(closure))
        if schedule:
            scheduler.step()
    return [float(loss.detach()) for loss in losses], [p.detach().numpy() for p in params], optimizer.state_dict()


def plain(value):
    """A state_dict as JSON; large tensors as their sum and size."""
    if hasattr(value, "detach"):
        a = value.detach().numpy()
        if a.size > 30:
            return {"shape": list(a.shape), "dtype": str(a.dtype), "sum": float(a.sum()), "size": float(abs(a).sum())}
        return {"shape": list(a.shape), "dtype": str(a.dtype), "values": a.tolist()}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def distance(got, want, path=""):
    """(relative distance of two results, differences in structure as text)."""
    if isinstance(want, dict) and isinstance(got, dict):
        if list(got) != list(want):
            return 0.0, [f"{path}: {list(got)} for {list(want)}"]
        found = [distance(got[k], want[k], f"{path}.{k}") for k in want]
    elif isinstance(want, list) and isinstance(got, list) and len(got) == len(want):
        found = [distance(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(got, want, strict=True))]
    elif isinstance(want, float | int) and isinstance(got, float | int) and not isinstance(want, bool):
        return abs(got - want) / max(1.0, abs(want)), []
    else:
        return 0.0, [] if got == want else [f"{path}: {got!r} for {want!r}"]
    return max([far for far, _ in found], default=0.0), [text for _, texts in found for text in texts]
