"""Pieces of code over torch.utils.data: what they give, raise and warn of, and the random numbers that come next."""

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
        # a module that no other process can import, as a script's own code
        return plain(torch, run(torch, f"{PRELUDE}\n{code}", module="snippet"))

    return seen(look) | {"next": [torch.rand(1).item(), random.random(), float(np.random.rand())]}


TABLE = Table("data", {code: code for code in SNIPPETS}, row)
