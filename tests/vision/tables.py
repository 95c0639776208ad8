"""Vision's tables of rows: see `seen`."""

from tests.vision import files
from tests.vision.datasets_rows import DATASETS
from tests.vision.features_rows import FEATURES
from tests.vision.ops_rows import OPS
from tests.vision.transforms_rows import DRAWN, TRANSFORMS
from tests.vision.utils_rows import UTILS
from tests.vision.v2_rows import V2

__all__ = ["SEEDS", "TABLES", "files"]

TABLES = {
    "utils": UTILS,
    "transforms": TRANSFORMS,
    "drawn": DRAWN,
    "datasets": DATASETS,
    "v2": V2,
    "ops": OPS,
    "features": FEATURES,
}
SEEDS = {"drawn": 3, "v2": 2}  # the number of seeds that a table's rows run with; 1 for other tables
