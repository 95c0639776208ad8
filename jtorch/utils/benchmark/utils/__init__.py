"""The files of `torch.utils.benchmark`, under PyTorch's names."""
