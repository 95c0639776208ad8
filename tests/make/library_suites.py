"""fixtures/library_suites.json: which of a library's own tests pass under jtorch, of those that pass under PyTorch.

python -m tests.make library_suites CHECKOUTS [LIBRARY ...]

CHECKOUTS is a folder with checkouts of the repositories that tests/libraries/suites.py names, such as CHECKOUTS/einops. The
libraries themselves must be installed. docs/libraries.md is written anew.
"""

import json
from pathlib import Path

from tests.libraries import PAGE, page
from tests.libraries.suites import FILE, SUITES, compared, place, recorded


def make(checkouts, *wanted):
    found = recorded()
    for name in wanted or SUITES:
        checkout = place(Path(checkouts).resolve(), name)
        if not checkout.is_dir():
            print(f"{name}: no checkout of {SUITES[name].checkout} in {checkouts}")
            continue
        found[name] = compared(name, checkout)
        print(f"{name}: {found[name]['passed']} of {found[name]['asked']}", flush=True)
        write(found)
    PAGE.write_text(page())


def write(found):
    """The results, a line for each library."""
    lines = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in SUITES if name in found]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
