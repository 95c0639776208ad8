"""Small programs as test rows: the same text runs under PyTorch and jtorch, and what it prints is compared.

A file of programs is plain text; a line `#: name` begins each. Every program sees `torch`, `nn`, the two tiny
layers below and `raises`, which prints a result or the exception's type and message.
"""

import collections
import contextlib
import copy
import io
import pickle
import warnings

_LAYERS = '''
class Lin(nn.Module):
    """A linear layer with a known weight, so that programs need no other layer."""
    def __init__(self, i, o, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(float(i * o)).reshape(o, i))
        if bias:
            self.bias = nn.Parameter(torch.zeros(o))
        else:
            self.register_parameter("bias", None)
    def forward(self, x):
        y = x @ self.weight.t()
        return y if self.bias is None else y + self.bias
    def extra_repr(self):
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"
class Act(nn.Module):
    def forward(self, x):
        return x * 2
def hook_function(module, args, output):
    return output + 100
'''


def show(*values, **options):
    """`print`, with an OrderedDict as Python 3.11 shows it, under which the fixtures were written."""
    old = [f"OrderedDict({list(v.items())})" if isinstance(v, collections.OrderedDict) and v else v for v in values]
    print(*old, **options)


def raises(function):
    """Prints what `function()` gives, or the type and message of what it raises."""
    try:
        show(function())
    except Exception as error:
        print(f"{type(error).__name__}: {error}")


def read(path):
    """name -> program text of every `#: name` section of the file."""
    sections = ("\n" + path.read_text()).split("\n#: ")[1:]
    return {name: code for name, _, code in (section.partition("\n") for section in sections)}


def output(code, torch):
    """What the program prints with this `torch`, its last exception and its warnings included."""
    names = {
        "torch": torch, "nn": torch.nn, "raises": raises, "print": show, "copy": copy, "pickle": pickle,
        "__name__": "programs", "OrderedDict": collections.OrderedDict, "namedtuple": collections.namedtuple,
    }  # fmt: skip
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(_LAYERS, names)
        raises(lambda: exec(code, names) or "end")
    # PyTorch warns of its own use of torch.jit, the first time that a process needs it
    said = [f"{w.category.__name__}: {w.message}\n" for w in caught if "torch.jit" not in str(w.message)]
    return printed.getvalue() + "".join(said)
