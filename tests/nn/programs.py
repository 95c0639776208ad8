"""The tables of programs about modules and about layers with their options."""

from tests import printed

# Programs print shapes, a projection of all elements, and a few elements of results and gradients.
CHECK = """
import numpy as np
def weights(t):
    made = np.cos(np.arange(t.numel())).reshape(tuple(t.shape))
    return torch.from_numpy(made.astype(str(t.dtype)[6:]))
def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors(v)]
    return []
def digest(t):
    if t is None:
        return None
    flat = np.array(t.detach().numpy(), "f8").reshape(-1)
    return tuple(t.shape), [(flat * np.cos(np.arange(flat.size))).sum(), *flat[:: max(1, flat.size // 3)][:3]]
def exact(label, t):
    print(label, tuple(t.shape), t.dtype, np.array(t.detach().numpy()).tobytes().hex())
def check(label, result, inputs=(), module=None):
    found = tensors(result)
    wanted = tensors(inputs) + ([] if module is None else list(module.parameters()))
    total = sum([(t * weights(t)).sum() for t in found if t.requires_grad])
    if wanted:
        total.backward(retain_graph=True)
    shown = [digest(t) for t in found], [digest(t.grad) for t in wanted]
    for t in wanted:
        t.grad = None
    for kind, digests in zip(("", "  grad"), shown):
        for d in digests:
            print(label + kind, d and (d[0], [round(float(n), 5) for n in d[1]]))
"""

MODULE = printed.table("module")
LAYERS = printed.table("layers", CHECK)
