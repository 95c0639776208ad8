"""Some of PyTorch's own tests pass under jtorch: `PYTORCH_SOURCE=... pytest -m upstream`; docs/upstream.md has all.

It needs the installed PyTorch for its tools, and a checkout of PyTorch, which the variable PYTORCH_SOURCE names.
"""

import pytest

from tests.upstream import borrowed, judging, running

pytestmark = [pytest.mark.upstream, pytest.mark.parity]

SAMPLE = {
    "test_indexing": ["TestIndexingCPU.test_index_put_accumulate_empty_cpu", "TestIndexingCPU.test_int_indices_cpu"],
    "test_view_ops": ["TestOldViewOpsCPU.test_T_cpu", "TestViewOpsCPU.test_unbind_cpu", "TestViewOpsCPU.test_narrow_view_cpu"],
}  # fmt: skip


@pytest.mark.parametrize("file", SAMPLE)
def test_some_of_a_file_pass(file):
    if borrowed.installed() is None:
        pytest.skip("PyTorch is not installed")
    if running.source() is None:
        pytest.skip("PYTORCH_SOURCE names no checkout of PyTorch")
    found = {said["test"]: said for said in running.run("jtorch", file, SAMPLE[file])}
    assert not {name: said["text"] for name, said in found.items() if said["outcome"] != "passed"}


def test_a_process_that_ends_or_hangs_fails_one_test(tmp_path, monkeypatch):
    (tmp_path / "test").mkdir()
    (tmp_path / "test/test_torch.py").write_text(
        "import os, time, unittest\n"
        "class T(unittest.TestCase):\n"
        "    def test_a(self): os._exit(3)\n"
        "    def test_b(self): time.sleep(60)\n"
        "    def test_c(self): pass\n"
    )
    monkeypatch.setenv("PYTORCH_SOURCE", str(tmp_path))
    names = [f"T.test_{letter}" for letter in "abcd"]
    found = {said["test"]: said for said in running.run("python", "test_torch", names, limit=2)}
    assert [found[name]["outcome"] for name in names] == ["failed", "failed", "passed", "failed"], found
    assert found["T.test_d"]["text"] == "the test is not there"


def test_a_private_name_is_not_applicable_and_a_public_one_is():
    private = {"outcome": "failed", "text": "AttributeError: module 'torch' has no attribute '_foo'"}
    public = {"outcome": "failed", "text": "AttributeError: module 'torch' has no attribute 'foo'"}
    assert judging.judged("T.test", private) == "asks for a private name of PyTorch"
    assert judging.judged("T.test", public) == "failed"
