"""The tests: one folder for each part of jtorch; `fixtures` holds PyTorch's results, `make` writes them anew."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
