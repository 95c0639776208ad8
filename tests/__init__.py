"""The tests: one folder for each part of jtorch; `fixtures` holds what PyTorch answered, `make` asks it again."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
