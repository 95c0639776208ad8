"""Tables of programs whose printed text is compared. A table is plain text; a line `#: name` begins each program.

Every program can use the two tiny layers below and `raises`, which prints a result or the exception's type and message.
"""

import collections
import copy
import pickle

from tests import FIXTURES
from tests.rows import Near, Table, plain, run, sections, seen

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
    """`print`, with an OrderedDict as Python 3.11 prints it, which wrote the fixtures."""
    old = [f"OrderedDict({list(v.items())})" if isinstance(v, collections.OrderedDict) and v else v for v in values]
    print(*old, **options)


def raises(function):
    """Prints what `function()` gives, or the type and message of what it raises."""
    try:
        show(function())
    except Exception as error:
        print(f"{type(error).__name__}: {error}")


def table(name):
    """The programs of fixtures/<name>_cases.txt; one called `prelude` begins all others."""
    programs = sections(FIXTURES / f"{name}_cases.txt")
    prelude = _LAYERS + programs.pop("prelude", "") + "\n"
    names = {
        "raises": raises, "print": show, "copy": copy, "pickle": pickle,
        "OrderedDict": collections.OrderedDict, "namedtuple": collections.namedtuple,
    }  # fmt: skip

    def row(torch, code):
        return seen(lambda: plain(torch, run(torch, prelude + code, names, module="programs")))

    return Table(name, programs, row, Near(1e-4, 1e-4, texts=True) if name == "layers" else None)


TABLES = {
    name: table(name)
    for name in ("autograd", "func", "layers", "library_uses", "module", "shared_memory", "surface", "tools")
}
