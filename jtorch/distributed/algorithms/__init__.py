"""`torch.distributed.algorithms`: how gradients are exchanged."""
