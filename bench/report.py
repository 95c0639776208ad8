"""What every benchmark shares: its command line, and where its figures go."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def parser(name, doc, rounds, meaning=None):
    """A command line with `--rounds` and `--json`, which is bench/results/<name>.json unless given."""
    made = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=doc.partition("\n")[0])
    made.add_argument("--rounds", type=int, default=rounds, help=meaning)
    made.add_argument("--json", type=Path, default=Path(f"bench/results/{name}.json"), help="write here")
    return made


def save(report, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {path}")
