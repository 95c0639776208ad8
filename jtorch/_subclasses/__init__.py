"""`torch._subclasses`: tensors that know their shape only. Here these are the tensors on the device "meta"."""

from jtorch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

__all__ = ["FakeTensor", "FakeTensorMode"]
