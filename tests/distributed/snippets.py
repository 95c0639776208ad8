"""`python -m tests.distributed.snippets LIBRARY FILE`: runs the snippets of a file in this process, one of several.

Writes {name: what it printed, or the exception} as JSON to standard output. The snippets see `torch`, `dist`, `nn`, `F`,
`rank` and `size`.
"""

import contextlib
import importlib
import io
import json
import sys
import warnings

from tests import FIXTURES

CASES = FIXTURES / "distributed_cases.txt"


def snippets():
    """{name: code}: a snippet begins with a line `# name`."""
    found, name = {}, None
    for line in CASES.read_text().splitlines():
        if line.startswith("# "):
            name = line[2:]
            found[name] = ""
        elif name is not None:
            found[name] += line + "\n"
    return found


def seen(code, names):
    """What a snippet prints. If an exception ends it, the exception comes last."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(code, dict(names))
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return out.getvalue()


def main(library):
    torch = importlib.import_module(library)
    dist = importlib.import_module(f"{library}.distributed")
    dist.init_process_group("gloo")
    names = {
        "torch": torch,
        "dist": dist,
        "nn": torch.nn,
        "F": torch.nn.functional,
        "DDP": importlib.import_module(f"{library}.nn.parallel").DistributedDataParallel,
        "rank": dist.get_rank(),
        "size": dist.get_world_size(),
        "load": lambda name: importlib.import_module(f"{library}.{name}"),
    }
    results = {}
    for name, code in snippets().items():
        torch.manual_seed(0)
        results[name] = seen(code, names)
        dist.barrier()
    print("results", json.dumps(results))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
