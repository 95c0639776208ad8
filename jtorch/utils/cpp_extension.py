"""`torch.utils.cpp_extension`: names for the build scripts of C++ and CUDA extensions, which jtorch does not build or load."""

from __future__ import annotations

from jtorch.core.facts import absent

_WHY = "an extension calls PyTorch's C++; any JAX function becomes an op with jtorch.library.op"
CUDA_HOME = ROCM_HOME = SYCL_HOME = None
IS_HIP_EXTENSION = False

_ABSENT = absent(
    "torch.utils.cpp_extension",
    """
    CUDAExtension CppExtension SyclExtension check_compiler_is_gcc check_compiler_ok_for_platform
    get_compiler_abi_compatibility_and_version get_cxx_compiler get_default_build_root include_paths library_paths load
    load_inline remove_extension_h_precompiler_headers
    """,
    _WHY,
    classes="BuildExtension",
)
vars().update(_ABSENT)

__all__ = [*_ABSENT, "is_ninja_available", "verify_ninja_availability"]


def is_ninja_available() -> bool:
    """False: nothing is built, so nothing looks for ninja."""
    return False


def verify_ninja_availability() -> None:
    """Raises RuntimeError, as PyTorch's without ninja."""
    raise RuntimeError("Ninja is required to load C++ extensions (pip install ninja to get it)")
