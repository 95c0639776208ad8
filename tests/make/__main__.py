"""The command that `tests.make` describes."""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # sums in one order
os.environ["MPLBACKEND"] = "Agg"

from tests.make import make, names

USAGE = "python -m tests.make NAME [ARGUMENT ...]    writes a fixture\npython -m tests.make --list    lists the names"


def main(words):
    known = names()
    if words == ["--list"]:
        for name, text in sorted(known.items()):
            print(f"{name:26}{text}")
    elif not words or words[0] not in known:
        raise SystemExit(USAGE)
    else:
        try:
            make(*words)
        except ModuleNotFoundError as error:
            raise SystemExit(f"{error}; pip install -e '.[test,parity]'") from error


main(sys.argv[1:])
