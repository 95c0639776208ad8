"""The mathematics: pure functions on jax arrays under `@op`, in files by what a reader looks for.

`functions` offers what these files declare under PyTorch's names in `torch`, `functional` those of `torch.nn.functional`.
"""
