"""`torch.distributed.algorithms`: hooks that change how gradients are exchanged."""
