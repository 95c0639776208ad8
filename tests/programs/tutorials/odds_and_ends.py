"""Names that programs use beside the mathematics: checks, jit's decorators, switches, sizes, memory shared with NumPy."""

import warnings

import numpy as np
import torch

for claim in (lambda: torch._assert(2 > 3, "no"), lambda: torch._check(False), lambda: torch._check(False, lambda: "why"),
              lambda: torch._check(torch.tensor(True)), lambda: torch._check(1), lambda: torch._check_value(False, lambda: "v"),
              lambda: torch._check_index(False), lambda: torch._check(False, "text")):  # fmt: skip
    try:
        claim()
    except Exception as error:
        print(type(error).__name__, error)
print(torch.jit.is_scripting(), torch.jit.is_tracing(), torch.compiler.is_compiling(), torch.jit.annotate(int, 3))


@torch.compiler.disable
def double(x):
    return 2 * x


@torch.compiler.disable(recursive=False)
def triple(x):
    return 3 * x


print(double(torch.ones(2)), triple(torch.ones(2)), torch.compile(double, backend="eager")(torch.ones(1)))
with torch.compiler.set_stance("force_eager"):
    print(double(torch.ones(1)))
x = torch.arange(6.0)
print(x.layout, x.layout == torch.strided, x.to_dense() is x, x.to_dense(dtype=torch.float64).dtype)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(x.resize(2, 3), caught[0].message)
    try:
        x.resize(4, 2)
    except RuntimeError as error:
        print(error)
shared = np.zeros(3)
t = torch.from_numpy(shared)
t += 1
shared[0] = 7
print(t, t.numpy() is not shared, shared)
print(torch.concat([t, t]).shape, torch.row_stack([t, t]).shape, torch.concatenate([t]).dtype)
print(torch.Size([2, 3]).numel(), torch.Size([2, 3])[1:], torch.get_default_dtype(), torch.iinfo(torch.int32).max)
torch.set_printoptions(precision=2, sci_mode=False)
print(torch.tensor([1.23456, 1e-6]), torch.pi)
torch.set_printoptions(profile="default")
a = torch.tensor([[3, 1], [2, 4]])
print(a.sort(0), a.unique(return_counts=True), torch.where(a > 2), sep="\n")
print(torch.allclose(torch.tensor([0.1 + 0.2]), torch.tensor([0.3])), torch.is_tensor(a), a.element_size(), a.nelement())
with torch.random.fork_rng():
    torch.manual_seed(5)
    inner = torch.rand(1)
torch.manual_seed(5)
print(torch.equal(inner, torch.rand(1)), torch.initial_seed())
