"""`torch.sparse`: functions of sparse tensors. The tensors themselves are in `jtorch.core.methods.sparse`."""

from jtorch.core.methods import sparse as _sparse

addmm = _sparse.addmm
mm = _sparse.mm
sum = _sparse.sum
softmax = _sparse.softmax
log_softmax = _sparse.log_softmax
_rebuilt = _sparse.rebuild_sparse  # the name in old pickles
