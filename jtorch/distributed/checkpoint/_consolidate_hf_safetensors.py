"""One file from the safetensors files of several processes: jtorch does not have it."""

from jtorch.distributed.checkpoint.hf_storage import refuse_safetensors as consolidate_safetensors_files

__all__ = ["consolidate_safetensors_files"]
