"""Calls whose dtype under autocast is compared with PyTorch's. `c` casts to the dtype under test."""

import numpy as np

from tests.rows import Table, run, seen

CALLS = {
    "mm": "torch.mm(c(x), c(w))",
    "matmul": "c(x) @ c(w)",
    "mv": "torch.mv(c(x), c(b))",
    "bmm": "torch.bmm(c(cube), c(cube))",
    "matmul vec": "c(x) @ c(b)",
    "dot": "torch.dot(c(b), c(b))",
    "addmm": "torch.addmm(c(x), c(x), c(w))",
    "addmv": "torch.addmv(c(b), c(x), c(b))",
    "addr": "torch.addr(c(x), c(b), c(b))",
    "baddbmm": "torch.baddbmm(c(cube), c(cube), c(cube))",
    "addbmm": "torch.addbmm(c(x), c(cube), c(cube))",
    "linear": "f.linear(c(x), c(w), c(b))",
    "bilinear": "f.bilinear(c(x), c(x), c(cube), c(t(2)))",
    "einsum": "torch.einsum('ij,jk', c(x), c(w))",
    "tensordot": "torch.tensordot(c(x), c(w), 1)",
    "outer": "torch.outer(c(b), c(b))",
    "inner": "torch.inner(c(x), c(w))",
    "conv1d": "f.conv1d(c(sequence), c(t(3, 2, 3)), c(t(3)))",
    "conv2d": "f.conv2d(c(image), c(t(3, 2, 3, 3)))",
    "conv_tbc": "f.conv_tbc(c(cube), c(t(2, 4, 3)), c(t(3)))",
    "max_unpool2d": "f.max_unpool2d(c(image), torch.arange(72).reshape(1, 2, 6, 6), 2)",
    "conv_transpose2d": "f.conv_transpose2d(c(image), c(t(2, 3, 3, 3)))",
    "prelu": "f.prelu(c(x), c(t(1)))",
    "sdpa": "f.scaled_dot_product_attention(c(cube), c(cube), c(cube))",
    "softmax": "f.softmax(c(x), 1)",
    "log_softmax": "f.log_softmax(c(x), 1)",
    "layer_norm": "f.layer_norm(c(x), (4,), b, b)",
    "group_norm": "f.group_norm(c(image), 1, t(2), t(2))",
    "batch_norm": "f.batch_norm(c(image), shift, scale, t(2), t(2), training=True)",
    "rms_norm": "f.rms_norm(c(x), (4,), c(b))",
    "instance_norm": "f.instance_norm(c(image))",
    "sum": "c(x).sum()",
    "mean": "c(x).mean()",
    "prod": "c(x).prod()",
    "cumsum": "c(x).cumsum(0)",
    "exp": "c(x).exp()",
    "log": "c(x).log()",
    "pow": "c(x) ** 1.5",
    "rsqrt": "c(x).rsqrt()",
    "norm": "c(x).norm()",
    "logsumexp": "torch.logsumexp(c(x), 1)",
    "softplus": "f.softplus(c(x))",
    "gelu": "f.gelu(c(x))",
    "sigmoid": "torch.sigmoid(c(x))",
    "relu": "f.relu(c(x))",
    "trace": "torch.trace(c(x))",
    "cdist": "torch.cdist(c(x), c(w))",
    "dist": "torch.dist(c(x), c(w))",
    "mse": "f.mse_loss(c(x), c(w))",
    "l1": "f.l1_loss(c(x), c(w))",
    "smooth": "f.smooth_l1_loss(c(x), c(w))",
    "huber": "f.huber_loss(c(x), c(w))",
    "ce": "f.cross_entropy(c(x), labels)",
    "ce soft": "f.cross_entropy(c(x), c(w))",
    "nll": "f.nll_loss(c(x), labels)",
    "bce": "f.binary_cross_entropy(c(x), c(w))",
    "bcel": "f.binary_cross_entropy_with_logits(c(x), c(w))",
    "kl": "f.kl_div(c(x), c(w), reduction='sum')",
    "poisson": "f.poisson_nll_loss(c(x), c(w))",
    "hinge": "f.hinge_embedding_loss(c(b), c(signs))",
    "margin": "f.margin_ranking_loss(c(b), c(b), c(signs))",
    "soft": "f.soft_margin_loss(c(b), c(signs))",
    "multi": "f.multi_margin_loss(c(x), labels)",
    "triplet": "f.triplet_margin_loss(c(x), c(w), c(x))",
    "cosemb": "f.cosine_embedding_loss(c(x), c(w), c(signs))",
    "cos": "f.cosine_similarity(c(x), c(w))",
    "gauss": "f.gaussian_nll_loss(c(x), c(w), c(x))",
    "max_pool2d": "f.max_pool2d(c(image), 2)",
    "max_pool3d": "f.max_pool3d(c(volume), 2)",
    "avg_pool2d": "f.avg_pool2d(c(image), 2)",
    "avg_pool3d": "f.avg_pool3d(c(volume), 2)",
    "aap3": "f.adaptive_avg_pool3d(c(volume), 2)",
    "interp": "f.interpolate(c(image), scale_factor=2)",
    "interpb": "f.interpolate(c(image), scale_factor=2, mode='bilinear')",
    "grid": "f.grid_sample(c(image), c(t(1, 3, 3, 2)), align_corners=False)",
    "reflect": "f.pad(c(sequence), (1, 1), mode='reflect')",
    "replicate": "f.pad(c(sequence), (1, 1), mode='replicate')",
    "reflect2": "f.pad(c(image), (1, 1, 1, 1), mode='reflect')",
    "embedding": "f.embedding(labels, c(x))",
    "cat": "torch.cat([c(x), w])",
    "stack": "torch.stack([c(x), w])",
    "add": "c(x) + w",
    "index_copy": "torch.index_copy(c(x), 0, labels, c(w))",
    "LSTM": "nn.LSTM(4, 3)(c(cube))[0]",
    "RNN": "nn.RNN(4, 3)(c(cube))[0]",
    "MHA": "nn.MultiheadAttention(4, 2)(c(cube), c(cube), c(cube))[0]",
    "enc": "nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)(c(cube))",
    "inv": "torch.linalg.inv(c(x) + torch.eye(4, dtype=c(x).dtype))",
    "svd": "torch.linalg.svdvals(c(x))",
    "chol": "torch.linalg.cholesky(torch.eye(4, dtype=c(x).dtype))",
    "ctc": "f.ctc_loss(c(t(5, 1, 4)).log_softmax(2), torch.tensor([[1, 2]]), torch.tensor([5]), torch.tensor([2]))",
}


def names(torch):
    """The names that the calls use, except `c`."""

    def t(*shape):
        return torch.tensor(np.random.RandomState(len(shape)).rand(*shape).astype("float32") * 0.8 + 0.1)

    return {
        "t": t, "f": torch.nn.functional, "x": t(4, 4), "w": t(4, 4), "b": t(4), "cube": t(2, 4, 4), "image": t(1, 2, 6, 6),
        "volume": t(1, 2, 6, 6, 6), "sequence": t(1, 2, 6), "labels": torch.tensor([0, 1, 2, 3]),
        "signs": torch.tensor([1.0, -1.0, 1.0, -1.0]), "scale": torch.ones(2), "shift": torch.zeros(2),
    }  # fmt: skip


def called(torch, name, cast):
    """The result of a call under autocast."""
    with torch.autocast("cpu"):
        return run(torch, CALLS[name], {**names(torch), "c": cast})


def row(torch, case):
    name, dtype = case
    made = seen(lambda: str(called(torch, name, lambda a: a.to(getattr(torch, dtype))).dtype), warned=False)
    return {
        key: found[:1] if key == "raises" else found for key, found in made.items()
    }  # messages name kernels of the CPU


CASES = {f"{name} {dtype}": (name, dtype) for name in CALLS for dtype in ("float32", "bfloat16")}
TABLE = Table("amp", CASES, row)
