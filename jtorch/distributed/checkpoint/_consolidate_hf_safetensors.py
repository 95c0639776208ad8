"""One file from a checkpoint in parts. It is not built."""

from jtorch.distributed.checkpoint import load as consolidate_safetensors_files

__all__ = ["consolidate_safetensors_files"]
