"""tests/programs/tutorials/expected.json: what the programs of that folder print under PyTorch."""

import json
import subprocess
import sys

from tests import ROOT

FOLDER = ROOT / "tests/programs/tutorials"


def printed(path):
    run = [sys.executable, "-W", "ignore", str(path)]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout


def make():
    paths = sorted(path for path in FOLDER.glob("*.py"))
    texts = {path.stem: printed(path) for path in paths}
    (FOLDER / "expected.json").write_text(json.dumps(texts, indent=1, ensure_ascii=False) + "\n")
