"""Vision's tables of rows: see `seen`."""

from tests.vision import files
from tests.vision.utils_rows import UTILS

__all__ = ["SEEDS", "TABLES", "files"]

TABLES = {"utils": UTILS}
SEEDS: dict[str, int] = {}  # with how many seeds a table's rows run, where it is not one
