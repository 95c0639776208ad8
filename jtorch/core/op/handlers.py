"""The parts of an op's call that files above it handle, so that a reader of an op need not know them.

`jtorch.core.op.refusal` knows PyTorch's errors for wrong arguments, `jtorch.core.op.torch_function` the classes and modes
that override functions, `jtorch.core.op.inplace` how to write a result into an existing tensor. Each registers its functions
here when it is imported.
"""

from __future__ import annotations

MISSING = type(
    "Missing", (), {"__repr__": lambda self: "<missing>"}
)()  # stands for a required argument that is not given


# Names of functions that take a number where their overloads have a tensor: ops say so by `numbers="tensor"`.
NUMBER_FOR_TENSOR: set[str] = set()


class Handlers:
    """The functions to register. Until they are, a call that fails raises its own error."""

    def failed(self, function, given, extra, named, fits):
        """Handle a failed call of an op: call it in another form that PyTorch takes, or raise PyTorch's error.

        Args:
            function: the wrapper; its `op` and `called_as`, (name, kind), say what was called.
            given: {parameter: argument}, with the default where none was given.
            extra, named: positional and keyword arguments that no parameter takes.
            fits: the arguments fit the parameters; the error of the call is being handled.
        """
        if fits:
            raise
        raise TypeError(f"{function.__name__}() got arguments that it does not take")

    def plain_failed(self, function, args, kwargs):
        """The same for a plain function, given by its `with_torch_errors` form."""
        raise

    def refuse(self, name, args, kwargs, kind, signature) -> None:
        """Raise PyTorch's error for the arguments of a call that has failed, if PyTorch would not take them."""

    def first_seen(self, function, given) -> None:
        """Raise PyTorch's error for constants that an op is called with for the first time, if PyTorch would not take them."""

    def overridden(self, args) -> bool:
        """Whether one of the arguments, or a mode, overrides the function."""
        return False

    def hand_over(self, function, args, consts, out):
        """The result of the override of a call of the wrapper `function`."""

    def hand_over_whole(self, function, args, kwargs):
        """The same for a plain function, which is overridden as a whole, and not the ops inside it."""

    def hand_over_plain(self, function, args, kwargs, caller):
        """The same for a plain function that was called from the frame `caller` and failed, because it accepts tensors only. Its
        error is being handled.
        """

    def inplace(self, op, name):
        """The method that writes the op's result into the tensor that it is called on."""

    def store(self, out, result, name, op, given):
        """Write a result into `out`. Returns it."""


handlers = Handlers()
