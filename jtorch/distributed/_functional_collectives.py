"""Collectives of tensors that are spread over processes. There are none: a collective's result is there when it is used."""


def wait_tensor(tensor):
    """The tensor itself."""
    return tensor


class AsyncCollectiveTensor:
    """A result that is still on its way. There are none."""


def all_to_all_single_autograd(input, output_split_sizes, input_split_sizes, group, tag=""):
    """Raises NotImplementedError: `torch.distributed.nn.functional.all_to_all_single` has a gradient."""
    raise NotImplementedError("use torch.distributed.nn.functional.all_to_all_single, which has a gradient")
