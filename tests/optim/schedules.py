"""Learning-rate schedulers as data, run the same way under PyTorch and under jtorch.

A case is JSON: the optimizer, its groups' rates, the scheduler with its arguments, the calls of each step.
`log_of(torch, case)` gives the log, which must be the same under both.
"""

import random
import warnings

from tests import FIXTURES
from tests.rows import Table, blocks, plain, run, seen


def power(base, name):
    """A user's function for LambdaLR and MultiplicativeLR; its base is data."""
    return (lambda step: base**step) if name == "LambdaLR" else (lambda step: base)


def make(torch, optimizer, schedule, **more):
    name, kwargs = schedule
    schedules = torch.optim.lr_scheduler
    if name == "SequentialLR":
        parts = [make(torch, optimizer, part) for part in kwargs["schedulers"]]
        return schedules.SequentialLR(optimizer, parts, kwargs["milestones"])
    if name == "ChainedScheduler":
        return schedules.ChainedScheduler([make(torch, optimizer, part) for part in kwargs["schedulers"]])
    if "lr_lambda" in kwargs:
        kwargs = {"lr_lambda": power(kwargs["lr_lambda"], name)}
    return getattr(schedules, name)(optimizer, **kwargs, **more)


def make_optimizer(torch, case):
    groups = [
        {"params": [torch.nn.Parameter(torch.ones(1))], "lr": torch.tensor(lr) if case["tensor_lr"] else lr}
        for lr in case["lrs"]
    ]
    momentum = {"momentum": 0.9} if case["optimizer"] == "SGD" else {}
    return getattr(torch.optim, case["optimizer"])(groups, lr=0.1, **momentum)


def jsonable(torch, value):
    """The content of a state dict or a group as JSON; floats to the last bit."""
    if isinstance(value, torch.Tensor):
        return ["tensor", str(value.dtype).split(".")[-1], value.tolist()]
    if isinstance(value, dict):
        return {str(key): jsonable(torch, v) for key, v in value.items() if key != "params"}
    if isinstance(value, (list, tuple)):
        return [jsonable(torch, v) for v in value]
    return value


def act(torch, optimizer, scheduler, case, action):
    optimizer.step()
    kind, number = action
    if kind == "epoch":
        scheduler.step(number)
    elif kind == "reload":
        state = scheduler.state_dict()
        scheduler = make(torch, optimizer, case["schedule"])
        scheduler.load_state_dict(state)
    elif case["schedule"][0] == "ReduceLROnPlateau":
        scheduler.step(number)
    else:
        scheduler.step()
    return scheduler


def log_of(torch, case):
    """What each step sets in the groups, then the whole state. If a step raises, the log ends with [type, message]."""
    optimizer = make_optimizer(torch, case)
    log = []

    def note(scheduler):
        moving = ("lr", "momentum", "betas")
        groups = [[group[key] for key in moving if key in group] for group in optimizer.param_groups]
        log.append(jsonable(torch, [scheduler.get_last_lr(), *groups]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if case["last_epoch"] >= 0:
                make(torch, optimizer, case["schedule"])
            resumed = {"last_epoch": case["last_epoch"]} if case["last_epoch"] >= 0 else {}
            scheduler = make(torch, optimizer, case["schedule"], **resumed)
            note(scheduler)
            for action in case["actions"]:
                scheduler = act(torch, optimizer, scheduler, case, action)
                note(scheduler)
            state = scheduler.state_dict()
            log.append([jsonable(torch, state), list(state), jsonable(torch, optimizer.param_groups)])
        except (ValueError, KeyError, ZeroDivisionError) as error:
            log.append([type(error).__name__, str(error)])
    return log


def simple(draw, groups):
    """A random scheduler that can stand alone or be part of another."""
    uniform, integer, choice = draw.uniform, draw.randint, draw.choice
    return choice(
        [
            lambda: ["LambdaLR", {"lr_lambda": uniform(0.5, 1)}],
            lambda: ["MultiplicativeLR", {"lr_lambda": uniform(0.9, 1)}],
            lambda: ["StepLR", {"step_size": integer(1, 5), "gamma": uniform(0.1, 1)}],
            lambda: ["MultiStepLR", {"milestones": [integer(0, 12) for _ in range(4)], "gamma": uniform(0.1, 1)}],
            lambda: ["ConstantLR", {"factor": uniform(0.01, 1), "total_iters": integer(0, 9)}],
            lambda: [
                "LinearLR",
                {
                    "start_factor": uniform(0.01, 1),
                    "end_factor": uniform(0, 1),
                    "total_iters": integer(1, 9),
                },
            ],
            lambda: ["ExponentialLR", {"gamma": uniform(0.5, 1)}],
            lambda: ["CosineAnnealingLR", {"T_max": integer(1, 9), "eta_min": choice([0, uniform(0, 0.01)])}],
            lambda: ["PolynomialLR", {"total_iters": integer(1, 12), "power": choice([1.0, 2, uniform(0.1, 3)])}],
            lambda: [
                "CosineAnnealingWarmRestarts",
                {"T_0": integer(1, 6), "T_mult": integer(1, 3), "eta_min": uniform(0, 0.01)},
            ],
            lambda: [
                "CyclicLR",
                {
                    "base_lr": [uniform(0.001, 0.01) for _ in range(groups)],
                    "max_lr": uniform(0.1, 1),
                    "step_size_up": integer(1, 6),
                    "step_size_down": choice([None, 3]),
                    "mode": choice(["triangular", "triangular2", "exp_range"]),
                    "gamma": uniform(0.8, 1),
                    "cycle_momentum": choice([True, False]),
                },
            ],
            lambda: [
                "OneCycleLR",
                {
                    "max_lr": uniform(0.1, 1),
                    "total_steps": integer(8, 20),
                    "pct_start": uniform(0.2, 0.5),
                    "anneal_strategy": choice(["cos", "linear"]),
                    "three_phase": choice([True, False]),
                    "cycle_momentum": choice([True, False]),
                },
            ],
        ]
    )()


def schedule(draw, groups):
    kind = draw.random()
    if kind < 0.15:
        parts = draw.randint(1, 3)
        milestones = sorted(draw.sample(range(1, 10), parts - 1))
        schedulers = [simple(draw, groups) for _ in range(parts)]
        return ["SequentialLR", {"schedulers": schedulers, "milestones": milestones}]
    if kind < 0.25:
        return ["ChainedScheduler", {"schedulers": [simple(draw, groups) for _ in range(draw.randint(1, 3))]}]
    if kind < 0.35:
        return [
            "ReduceLROnPlateau",
            {
                "mode": draw.choice(["min", "max"]),
                "factor": draw.uniform(0.1, 0.9),
                "patience": draw.randint(0, 3),
                "threshold": draw.uniform(0, 0.1),
                "threshold_mode": draw.choice(["rel", "abs"]),
                "cooldown": draw.randint(0, 2),
                "min_lr": draw.choice([0, 0.05]),
            },
        ]
    return simple(draw, groups)


def random_case(seed, steps=14):
    """A case that depends on the seed alone."""
    draw = random.Random(seed)
    groups = draw.randint(1, 2)
    drawn = schedule(draw, groups)
    alone = drawn[0] not in ("SequentialLR", "ChainedScheduler", "ReduceLROnPlateau")
    actions = []
    for _ in range(steps):
        kind = draw.choices(["step", "epoch", "reload"], [8, 1, 0.5])[0] if alone else "step"
        actions.append([kind, draw.uniform(0, 1) if kind == "step" else draw.randint(0, 12)])
    return {
        "optimizer": draw.choice(["SGD", "Adam"]),
        "lrs": [draw.uniform(0.01, 1) for _ in range(groups)],
        "tensor_lr": draw.random() < 0.2,
        "schedule": drawn,
        "last_epoch": draw.choice([-1, -1, -1, 0, 1, 5]) if alone else -1,
        "actions": actions,
    }


SETUP, *SNIPPETS = blocks(FIXTURES / "schedule_snippets.txt")


def row(torch, code):
    """The exception and the warnings of a snippet."""
    return seen(lambda: plain(torch, run(torch, f"{SETUP}\n{code}")))


TABLE = Table("schedule_snippets", {code: code for code in SNIPPETS}, row)
