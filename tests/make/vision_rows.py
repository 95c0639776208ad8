"""fixtures/vision_rows.json: torchvision 0.29's results for the rows of tests/vision/tables.py.

Run it where torchvision is: see tests/vision/reference.py.
"""

import json
import tempfile
import warnings

from tests import FIXTURES
from tests.vision import reference, seen
from tests.vision.tables import SEEDS, TABLES, files


def make():
    torch, vision = reference.torchvision()
    tables = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files.write(folder)
        names = seen.space(torch, vision, folder)
        for name, rows in TABLES.items():
            tables[name] = {
                code: [seen.recorded(seen.run(names, code, seed), near) for seed in range(SEEDS.get(name, 1))]
                for code, near in rows.items()
            }
    lines = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f"{json.dumps(code)}: {json.dumps(found, separators=(',', ':'))}" for code, found in rows.items())
        + "\n}"
        for name, rows in tables.items()
    ]
    versions = {"torch": torch.__version__, "torchvision": vision.__version__}
    text = f'{{"versions": {json.dumps(versions)},\n"tables": {{\n' + ",\n".join(lines) + "\n}}\n"
    (FIXTURES / "vision_rows.json").write_text(text)
