"""`torch._inductor.config`: the switches of PyTorch's kernels, with PyTorch's defaults. They have no effect here."""

from types import SimpleNamespace

conv_1x1_as_mm = coordinate_descent_check_all_directions = coordinate_descent_tuning = False
debug = False
epilogue_fusion = True
force_fuse_int_mm_with_mul = False
freezing = False
fx_graph_cache = True
max_autotune = max_autotune_gemm = max_autotune_pointwise = False
use_mixed_mm = True
triton = SimpleNamespace(cudagraphs=False, cudagraph_trees=True, unique_kernel_names=True)
cpp = SimpleNamespace(threads=-1)
