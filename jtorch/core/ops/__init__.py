"""The mathematics: pure functions on JAX arrays, declared with `@op` and sorted into files by topic.

`functions` has the functions of `torch` by PyTorch's names, `functional` those of `torch.nn.functional`.
"""
