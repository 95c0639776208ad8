"""One file from safetensors in parts. It is not built."""

from jtorch.distributed.checkpoint.hf_storage import refuse_safetensors as consolidate_safetensors_files

__all__ = ["consolidate_safetensors_files"]
