"""PyTorch's TypeErrors for arguments that it does not take. Asked only after a call has failed.

Nothing below imports this folder: `failed` registers its functions with `jtorch.core.op.handlers`.
"""
