"""Vision's tables of rows: see `seen`."""

from tests.vision import files
from tests.vision.datasets_rows import DATASETS
from tests.vision.transforms_rows import DRAWN, TRANSFORMS
from tests.vision.utils_rows import UTILS

__all__ = ["SEEDS", "TABLES", "files"]

TABLES = {"utils": UTILS, "transforms": TRANSFORMS, "drawn": DRAWN, "datasets": DATASETS}
SEEDS = {"drawn": 3}  # with how many seeds a table's rows run, where it is not one
