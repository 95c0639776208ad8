"""Calls whose type under autocast is PyTorch's: name -> a function of how to cast; run by make_amp.py and test_amp."""

import numpy as np


def array(*shape):
    return np.random.RandomState(len(shape)).rand(*shape).astype("float32") * 0.8 + 0.1


def cases(torch):
    """name -> function(cast) that applies an op to tensors of which `cast` makes the type to try."""
    f = torch.nn.functional
    t = lambda *shape: torch.tensor(array(*shape))
    x, w, b, cube, image, volume, sequence = (
        t(4, 4),
        t(4, 4),
        t(4),
        t(2, 4, 4),
        t(1, 2, 6, 6),
        t(1, 2, 6, 6, 6),
        t(1, 2, 6),
    )
    labels, signs = torch.tensor([0, 1, 2, 3]), torch.tensor([1.0, -1.0, 1.0, -1.0])
    scale, shift = torch.ones(2), torch.zeros(2)
    nn = torch.nn
    return {
        "mm": lambda c: torch.mm(c(x), c(w)),
        "matmul": lambda c: c(x) @ c(w),
        "mv": lambda c: torch.mv(c(x), c(b)),
        "bmm": lambda c: torch.bmm(c(cube), c(cube)),
        "matmul vec": lambda c: c(x) @ c(b),
        "dot": lambda c: torch.dot(c(b), c(b)),
        "addmm": lambda c: torch.addmm(c(x), c(x), c(w)),
        "addmv": lambda c: torch.addmv(c(b), c(x), c(b)),
        "addr": lambda c: torch.addr(c(x), c(b), c(b)),
        "baddbmm": lambda c: torch.baddbmm(c(cube), c(cube), c(cube)),
        "addbmm": lambda c: torch.addbmm(c(x), c(cube), c(cube)),
        "linear": lambda c: f.linear(c(x), c(w), c(b)),
        "bilinear": lambda c: f.bilinear(c(x), c(x), c(cube), c(t(2))),
        "einsum": lambda c: torch.einsum("ij,jk", c(x), c(w)),
        "tensordot": lambda c: torch.tensordot(c(x), c(w), 1),
        "outer": lambda c: torch.outer(c(b), c(b)),
        "inner": lambda c: torch.inner(c(x), c(w)),
        "conv1d": lambda c: f.conv1d(c(sequence), c(t(3, 2, 3)), c(t(3))),
        "conv2d": lambda c: f.conv2d(c(image), c(t(3, 2, 3, 3))),
        "conv_tbc": lambda c: f.conv_tbc(c(cube), c(t(2, 4, 3)), c(t(3))),
        "max_unpool2d": lambda c: f.max_unpool2d(c(image), torch.arange(72).reshape(1, 2, 6, 6), 2),
        "conv_transpose2d": lambda c: f.conv_transpose2d(c(image), c(t(2, 3, 3, 3))),
        "prelu": lambda c: f.prelu(c(x), c(t(1))),
        "sdpa": lambda c: f.scaled_dot_product_attention(c(cube), c(cube), c(cube)),
        "softmax": lambda c: f.softmax(c(x), 1),
        "log_softmax": lambda c: f.log_softmax(c(x), 1),
        "layer_norm": lambda c: f.layer_norm(c(x), (4,), b, b),
        "group_norm": lambda c: f.group_norm(c(image), 1, t(2), t(2)),
        "batch_norm": lambda c: f.batch_norm(c(image), shift, scale, t(2), t(2), training=True),
        "rms_norm": lambda c: f.rms_norm(c(x), (4,), c(b)),
        "instance_norm": lambda c: f.instance_norm(c(image)),
        "sum": lambda c: c(x).sum(),
        "mean": lambda c: c(x).mean(),
        "prod": lambda c: c(x).prod(),
        "cumsum": lambda c: c(x).cumsum(0),
        "exp": lambda c: c(x).exp(),
        "log": lambda c: c(x).log(),
        "pow": lambda c: c(x) ** 1.5,
        "rsqrt": lambda c: c(x).rsqrt(),
        "norm": lambda c: c(x).norm(),
        "logsumexp": lambda c: torch.logsumexp(c(x), 1),
        "softplus": lambda c: f.softplus(c(x)),
        "gelu": lambda c: f.gelu(c(x)),
        "sigmoid": lambda c: torch.sigmoid(c(x)),
        "relu": lambda c: f.relu(c(x)),
        "trace": lambda c: torch.trace(c(x)),
        "cdist": lambda c: torch.cdist(c(x), c(w)),
        "dist": lambda c: torch.dist(c(x), c(w)),
        "mse": lambda c: f.mse_loss(c(x), c(w)),
        "l1": lambda c: f.l1_loss(c(x), c(w)),
        "smooth": lambda c: f.smooth_l1_loss(c(x), c(w)),
        "huber": lambda c: f.huber_loss(c(x), c(w)),
        "ce": lambda c: f.cross_entropy(c(x), labels),
        "ce soft": lambda c: f.cross_entropy(c(x), c(w)),
        "nll": lambda c: f.nll_loss(c(x), labels),
        "bce": lambda c: f.binary_cross_entropy(c(x), c(w)),
        "bcel": lambda c: f.binary_cross_entropy_with_logits(c(x), c(w)),
        "kl": lambda c: f.kl_div(c(x), c(w), reduction="sum"),
        "poisson": lambda c: f.poisson_nll_loss(c(x), c(w)),
        "hinge": lambda c: f.hinge_embedding_loss(c(b), c(signs)),
        "margin": lambda c: f.margin_ranking_loss(c(b), c(b), c(signs)),
        "soft": lambda c: f.soft_margin_loss(c(b), c(signs)),
        "multi": lambda c: f.multi_margin_loss(c(x), labels),
        "triplet": lambda c: f.triplet_margin_loss(c(x), c(w), c(x)),
        "cosemb": lambda c: f.cosine_embedding_loss(c(x), c(w), c(signs)),
        "cos": lambda c: f.cosine_similarity(c(x), c(w)),
        "gauss": lambda c: f.gaussian_nll_loss(c(x), c(w), c(x)),
        "max_pool2d": lambda c: f.max_pool2d(c(image), 2),
        "max_pool3d": lambda c: f.max_pool3d(c(volume), 2),
        "avg_pool2d": lambda c: f.avg_pool2d(c(image), 2),
        "avg_pool3d": lambda c: f.avg_pool3d(c(volume), 2),
        "aap3": lambda c: f.adaptive_avg_pool3d(c(volume), 2),
        "interp": lambda c: f.interpolate(c(image), scale_factor=2),
        "interpb": lambda c: f.interpolate(c(image), scale_factor=2, mode="bilinear"),
        "grid": lambda c: f.grid_sample(c(image), c(t(1, 3, 3, 2)), align_corners=False),
        "reflect": lambda c: f.pad(c(sequence), (1, 1), mode="reflect"),
        "replicate": lambda c: f.pad(c(sequence), (1, 1), mode="replicate"),
        "reflect2": lambda c: f.pad(c(image), (1, 1, 1, 1), mode="reflect"),
        "embedding": lambda c: f.embedding(labels, c(x)),
        "cat": lambda c: torch.cat([c(x), w]),
        "stack": lambda c: torch.stack([c(x), w]),
        "add": lambda c: c(x) + w,
        "index_copy": lambda c: torch.index_copy(c(x), 0, labels, c(w)),
        "LSTM": lambda c: nn.LSTM(4, 3)(c(cube))[0],
        "RNN": lambda c: nn.RNN(4, 3)(c(cube))[0],
        "MHA": lambda c: nn.MultiheadAttention(4, 2)(c(cube), c(cube), c(cube))[0],
        "enc": lambda c: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)(c(cube)),
        "inv": lambda c: torch.linalg.inv(c(x) + torch.eye(4, dtype=c(x).dtype)),
        "svd": lambda c: torch.linalg.svdvals(c(x)),
        "chol": lambda c: torch.linalg.cholesky(torch.eye(4, dtype=c(x).dtype)),
        "ctc": lambda c: f.ctc_loss(
            c(t(5, 1, 4)).log_softmax(2), torch.tensor([[1, 2]]), torch.tensor([5]), torch.tensor([2])
        ),
    }


def type_of(torch, case, dtype):
    """The dtype that a case gives under autocast, from inputs of a dtype; or the error's type."""
    try:
        with torch.autocast("cpu"):
            return str(case(lambda a: a.to(getattr(torch, dtype))).dtype)
    except Exception as error:
        return type(error).__name__
