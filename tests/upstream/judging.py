"""Which of PyTorch's tests say something about jtorch: not_applicable.json has the kinds that do not, and how they are known."""

import json
import re
from pathlib import Path

RULES = json.loads(
    (Path(__file__).parent / "not_applicable.json").read_text()
)  # reason -> {"test" or "error": [pattern]}


def reason(name, said):
    """Why a test that does not pass is not applicable; None where it is."""
    if said["outcome"] == "skipped":
        return "PyTorch's tools skip it under jtorch"
    return next((why for why, rule in RULES.items() if _known(rule, name, said["text"])), None)


def _known(rule, name, text):
    if rule.get("asked by the test") and _inside(text):
        return False
    return any(re.search(p, name) for p in rule.get("test", ())) or any(
        re.search(p, text) for p in rule.get("error", ())
    )


def _inside(text):
    """Whether an error comes out of jtorch's own code, other than from a name that it does not have, or is one that PyTorch's
    tools for tests meet: these must work."""
    files = re.findall(r'File "(.*?)"', text)
    asking = [
        file for file in files if not file.endswith(("cli/missing.py", "upstream/borrowed.py", "jtorch/_ops.py"))
    ][-1:]
    return any("/jtorch/" in file or "/_internal/common_" in file for file in asking)


def judged(name, said):
    """ "passed", "failed", or the reason why a test is not applicable."""
    return "passed" if said["outcome"] == "passed" else reason(name, said) or "failed"
