"""Pieces of code that use torch.utils.data, and what is seen of them: results, errors, warnings, and the next random numbers."""

import random
import warnings

import numpy as np

from tests import FIXTURES
from tests.rows import Table, blocks, plain, run, seen

PRELUDE, *SNIPPETS = blocks(FIXTURES / "data_snippets.txt")


def row(torch, code):
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)

    def look():
        warnings.filterwarnings("ignore", message=".*non-writable|.*not writable")
        # as a script's own code, no other process can import this module
        return plain(torch, run(torch, f"{PRELUDE}\n{code}", module="snippet"))

    return seen(look) | {"next": [torch.rand(1).item(), random.random(), float(np.random.rand())]}


TABLE = Table("data", {code: code for code in SNIPPETS}, row)
