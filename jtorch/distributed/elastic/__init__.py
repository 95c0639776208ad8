"""`torch.distributed.elastic`: what `torch.distributed.run` stands on."""
