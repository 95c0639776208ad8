"""Write expected.json: what the programs of this folder print under PyTorch. Run: python tests/tutorials/make_expected.py"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def printed(path):
    run = [sys.executable, "-W", "ignore", str(path)]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    paths = sorted(path for path in HERE.glob("*.py") if path != Path(__file__))
    texts = {path.stem: printed(path) for path in paths}
    (HERE / "expected.json").write_text(json.dumps(texts, indent=1, ensure_ascii=False) + "\n")
