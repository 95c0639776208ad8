"""`torch.distributed.elastic`: the parts of `torch.distributed.run` that PyTorch offers."""
