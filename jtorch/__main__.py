"""`python -m jtorch`: the command `jtorch`."""

import sys

from jtorch.cli import main

if __name__ == "__main__":
    sys.exit(main())
