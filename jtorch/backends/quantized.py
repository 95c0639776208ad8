"""`torch.backends.quantized`: what computes quantized tensors. Nothing does."""

engine = "none"
supported_engines = ["none"]
