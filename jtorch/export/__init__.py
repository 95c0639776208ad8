"""`torch.export`: a module as one StableHLO program with its weights, which `jax.export` reads without jtorch.

`torch.export.export(module, args)` is PyTorch's call; the module `jtorch.export` can be called itself and does the same.
"""

from jtorch.export.exported_program import ExportedProgram, export, load, save

__all__ = ["ExportedProgram", "export", "load", "save"]
