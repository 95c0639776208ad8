"""The errors of `torch.onnx`."""

__all__ = ["OnnxExporterError", "SymbolicValueError", "UnsupportedOperatorError"]


class OnnxExporterError(RuntimeError):
    """A model cannot be exported."""


class UnsupportedOperatorError(OnnxExporterError):
    """An op cannot be exported."""


class SymbolicValueError(OnnxExporterError):
    """A value cannot be exported."""
