"""PyTorch's own test files as examiner: their test methods run with `import torch` meaning jtorch.

The files come from a checkout of PyTorch (the variable PYTORCH_SOURCE names it), their tools (`torch.testing._internal`) from
the installed PyTorch; nothing of either is committed. `borrowed` finds both, `child` is the process in which tests run,
`running` starts such processes and keeps what they say, `not_applicable` judges it, `page` writes docs/upstream.md.
`pytest -m upstream` runs a part, `python -m tests.make upstream` all.
"""
