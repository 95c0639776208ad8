"""What is asked about a call that a wrapper cannot run by itself. The answers come from above.

`jtorch.core.op.refusal` knows PyTorch's errors for wrong arguments, `jtorch.core.op.torch_function` the classes and modes
that take functions over. Each registers its functions here when it is imported, so that an op stands on neither.
"""

from __future__ import annotations

MISSING = type(
    "Missing", (), {"__repr__": lambda self: "<missing>"}
)()  # stands for a required argument that is not given


class Handlers:
    """The questions, with the answers that hold where nothing is registered: a call that failed raises what it raised."""

    def failed(self, function, given, extra, named, bound):
        """What a call of an op comes to that has failed: another form of it that PyTorch takes, or PyTorch's error.

        Args:
            function: the wrapper; its `op` and `known`, (name, kind), say what was called.
            given: {parameter: argument}, with the default where none was given.
            extra, named: positional and keyword arguments that no parameter takes.
            bound: the arguments fit the parameters; the error of the call is being handled.
        """
        if bound:
            raise
        raise TypeError(f"{function.__name__}() got arguments that it does not take")

    def plain_failed(self, function, args, kwargs):
        """The same for a plain function, given by its `explained` form."""
        raise

    def refuse(self, name, args, kwargs, kind, signature) -> None:
        """Raise PyTorch's error for the arguments of a call that has failed, if PyTorch would not take them."""

    def first_seen(self, function, given) -> None:
        """Raise PyTorch's error for constants that an op is called with for the first time, if PyTorch would not take them."""

    def overridden(self, args) -> bool:
        """Whether one of the arguments, or a mode, takes the call over."""
        return False

    def hand_over(self, op, args, consts, out):
        """The result of whatever takes the call over."""


handlers = Handlers()
