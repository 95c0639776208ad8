"""Asynchronous collectives. jtorch has none: a collective is a recorded line, and its result is an ordinary tensor."""


def wait_tensor(tensor):
    """The tensor itself."""
    return tensor


class AsyncCollectiveTensor:
    """The class of PyTorch's results that are not computed yet. jtorch makes none."""


def all_to_all_single_autograd(input, output_split_sizes, input_split_sizes, group, tag=""):
    """Raises NotImplementedError: `torch.distributed.nn.functional.all_to_all_single` has a gradient."""
    raise NotImplementedError("use torch.distributed.nn.functional.all_to_all_single, which has a gradient")
