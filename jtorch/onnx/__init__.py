"""`torch.onnx`: files for other engines. They are not written: this is what a PyTorch built without the exporter has."""

from __future__ import annotations

import enum

from jtorch.onnx import errors
from jtorch.onnx.errors import OnnxExporterError

__all__ = ["ONNXProgram", "OnnxExporterError", "OperatorExportTypes", "TrainingMode", "errors", "export",
           "is_in_onnx_export", "register_custom_op_symbolic", "unregister_custom_op_symbolic"]  # fmt: skip


class TrainingMode(enum.Enum):
    """In which mode a model is exported."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.Enum):
    """How PyTorch's ops are written."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


class ONNXProgram:
    """What `export` makes. There are none."""


def export(model, args=(), f=None, **options):
    """Raises OnnxExporterError: jtorch writes no ONNX files."""
    raise OnnxExporterError(
        "jtorch writes no ONNX files. Save the weights with torch.save(model.state_dict(), path), load them into the same "
        "model under PyTorch, and export it there; or export the JAX function torch.func.to_jax(model) with jax2onnx."
    )


def is_in_onnx_export() -> bool:
    """False: nothing is exported."""
    return False


def register_custom_op_symbolic(symbolic_name, symbolic_fn, opset_version) -> None:
    """Accepted without effect: nothing is exported."""


def unregister_custom_op_symbolic(symbolic_name, opset_version) -> None:
    """Accepted without effect: nothing is exported."""
