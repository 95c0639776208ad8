"""Stand-ins for functions and classes of PyTorch's that cannot work here: libraries import them, and a call says why it fails."""

from __future__ import annotations


def absent(home: str, functions: str, why: str, classes: str = "") -> dict[str, object]:
    """name -> a function, or a class for annotations and `isinstance`, that raises NotImplementedError when it is called.

    Args:
        home: the public module, such as "torch.ao.quantization".
        functions, classes: their names, separated by spaces.
        why: a sentence for the error.
    """
    found: dict[str, object] = {name: _absent_function(home, name, why) for name in functions.split()}
    return found | {name: _absent_class(home, name, why) for name in classes.split()}


def _absent_function(home, name, why):
    def function(*args, **kwargs):
        raise NotImplementedError(f"{home}.{name}: {why}")

    function.__name__ = function.__qualname__ = name
    function.__module__ = home.replace("torch", "jtorch", 1)
    function.__doc__ = f"Raises NotImplementedError: {why}."
    return function


def _absent_class(home, name, why):
    init = _absent_function(home, name, why)
    return type(name, (), {"__init__": init, "__doc__": init.__doc__, "__module__": init.__module__})
