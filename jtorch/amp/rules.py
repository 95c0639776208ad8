"""What autocast does with each op: PyTorch's lists, by the names that jtorch's ops have.

"low": run in the region's type; "float32": run in float32, unless the call names a dtype; "widest": run in the widest
type among the inputs; "banned": refuse. An op that is not here runs in the types it is given.
"""

from __future__ import annotations

_PRODUCTS = """addbmm addmm attention baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc conv_transpose1d
    conv_transpose2d conv_transpose3d einsum fused_attention inner linear lstm_layer matmul mm multi_dot
    prelu rnn_layer tensordot vecdot""".split()

_LOSSES = """cosine_embedding_loss cross_entropy hinge_embedding_loss huber_loss kl_div l1_loss margin_ranking_loss
    mse_loss multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss smooth_l1_loss soft_cross_entropy
    soft_margin_loss triplet_margin_loss""".split()

CPU = {
    **dict.fromkeys([*_PRODUCTS, "cov", "matrix_power"], "low"),
    **dict.fromkeys(
        [
            *_LOSSES,
            *"""adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d bce_with_logits binary_cross_entropy cdist
            cholesky_inverse cholesky_solve ctc_loss edge_pad grid_sample linalg_cholesky_ex linalg_cond linalg_eig linalg_eigh
            linalg_inv_ex linalg_lstsq linalg_lu_solve linalg_matrix_rank linalg_pinv linalg_qr linalg_solve_ex
            linalg_solve_triangular linalg_svd lp_pool3d lu_solve max_pool3d max_unpool nanquantile polar
            prod quantile trace triangular_solve view_as_complex""".split(),
        ],
        "float32",
    ),
    **dict.fromkeys("cat gru_cell gru_layer index_copy lstm_memory rnn_cell stack".split(), "widest"),
}

CUDA = {
    **dict.fromkeys([*_PRODUCTS, *"addmv addr gru_cell gru_layer lstm_memory mv rnn_cell".split()], "low"),
    **dict.fromkeys(
        [
            *_LOSSES,
            *"""acos asin bce_with_logits cdist cosh cosine_similarity cumprod cumsum dist erfinv exp expm1 group_norm
            layer_norm linalg_matrix_norm linalg_vector_norm log log10 log1p log2 log_softmax logsumexp norm
            pdist pow prod reciprocal renorm resize rms_norm rsqrt sinh softmax softplus sum tan""".split(),
        ],
        "float32",
    ),
    **dict.fromkeys(
        "addcdiv addcmul atan2 bilinear cross dot grid_sample index_put scatter_add tensordot vdot".split(), "widest"
    ),
    "binary_cross_entropy": "banned",
}

RULES = {"cpu": CPU, "cuda": CUDA}

BANNED = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\nsafe to autocast."
)
