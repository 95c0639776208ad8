"""The programs of data_model_cases.txt, and what one prints or raises under PyTorch or jtorch."""

import contextlib
import io
import re
import sys
import warnings
from pathlib import Path

import numpy as np

TEXT = (Path(__file__).parent / "data_model_cases.txt").read_text()
PROGRAMS = [block.strip() for block in re.split(r"\n\n+", TEXT) if not block.startswith("#")]


def outcome(torch, program):
    """What a program printed, and the error that ended it; "torch" in its imports is `torch`."""
    space = {"torch": torch, "np": np, "__name__": "__main__"}
    printed = io.StringIO()
    modules = {name: sys.modules.get(name) for name in ("__main__",)}
    main = type(sys)("__main__")
    main.__dict__.update(space)
    sys.modules["__main__"] = main
    source = program.replace("from torch", f"from {torch.__name__}")
    error = None
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("ignore")
        try:
            exec(source, main.__dict__)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}".partition("\nException raised")[0]
        finally:
            sys.modules.update(modules)
    text = re.sub(r"0x[0-9a-f]+", "0x", printed.getvalue())
    return {"printed": text.replace("jtorch.", "torch."), "error": error and error.replace("jtorch", "torch")}
