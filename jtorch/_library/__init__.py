"""`torch._library`: where `torch.library` keeps its parts."""
