"""`jtorch doctor` reports the installation and gives advice where something is wrong."""

import copy
import importlib.metadata
import json
import sys

import pytest

from jtorch.cli import doctor, main
from jtorch.core.facts import config


@pytest.fixture(scope="module")
def report():
    return doctor.examined()


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("JTORCH_CACHE_DIR", str(tmp_path))
    doctor.cache_folder.forget_folder()
    yield tmp_path
    doctor.cache_folder.forget_folder()


def test_the_self_check_is_right(report):
    assert {name: type(took) for name, took in report["check"].items()} == dict(gradient=float, step=float, save=float)


def test_the_report_names_versions_devices_and_switches(report):
    assert report["versions"]["jax"] == importlib.metadata.version("jax")
    assert report["devices"][0]["device"].partition(":")[0] in ("cpu", "cuda", "tpu")
    assert report["switches"]["default_dtype"] == "torch.float32"
    assert report["cache"]["limit"] == doctor.cache_folder.limit()


OFF = {
    # what is wrong: (the key of the fact, its value, how the advice begins)
    "eager": (("switches", "eager"), True, "JTORCH_EAGER=1 computes each operation by itself"),
    "no cache": (("cache", "on"), False, "Compiled programs are not kept (JTORCH_CACHE=0)"),
    "refused": (
        ("cache", "refused"),
        "others can write to it",
        "Compiled programs are not kept: others can write to it; ",
    ),
    "full disk": (("cache", "disk_free"), 2**20, "The disk of "),
    "wrong": (("check", "step"), "ArithmeticError: no", "The self-check of a step failed (ArithmeticError: no)"),
    "no device": (
        ("devices",),
        [{"device": "none", "error": "no x"}],
        "JAX starts no device (no x): check JAX_PLATFORMS=",
    ),
}


def sound(report):
    """The report of a machine where all is well, independent of this machine."""
    report = copy.deepcopy(report)
    report["cache"] |= {"on": True, "refused": None, "disk_free": 2**40}
    report["switches"] |= {"eager": False}
    report["devices"] = [{"device": "cuda:0", "model": "a GPU", "bytes": 2**37, "used": 2**20}]
    return report


@pytest.mark.parametrize("name", OFF)
def test_what_is_off_has_an_advice(name, report, monkeypatch):
    changed = at = sound(report)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: [])
    assert doctor.advice(changed) == []
    (*inner, last), value, text = OFF[name]
    for key in inner:
        at = at[key]
    at[last] = value
    (told,) = [line for line in doctor.advice(changed) if "NVIDIA" not in line]
    assert told.startswith(text)
    assert told in doctor.told({**changed, "advice": [told]})


def test_a_package_that_is_too_old_has_an_advice(report, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["jax>=99", "numpy>=1", "torch>=99; extra == 'x'"])
    installed = report["versions"]["jax"]
    assert doctor.advice(sound(report)) == [f"jax {installed} is too old: pip install -U 'jax>=99'."]


def test_a_report_can_be_read_and_is_json(capsys, monkeypatch, report):
    monkeypatch.setattr(doctor, "examined", lambda: {**report, "advice": []})
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "self-check  gradient: right" in printed
    assert "device      " in printed
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**report, "advice": []}
    monkeypatch.setattr(doctor, "examined", lambda: {**report, "advice": ["Do it."]})
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.endswith("to do       Do it.\n")


def test_the_cache_is_cleared(capsys, kept, monkeypatch):
    monkeypatch.setattr(config, "disk_cache", True)
    doctor.cache_folder.write_entry("0" * 64, b"x" * 4000)
    assert doctor.cache()["files"] == 1
    assert main(["doctor", "--clear-cache"]) == 0
    assert capsys.readouterr().out == "deleted 4 KiB of compiled programs\n"
    assert doctor.cache()["files"] == 0


def test_a_jtorch_that_cannot_be_imported_is_told(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jtorch.cli.doctor", None)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err.startswith("jtorch doctor: import jtorch fails (import of jtorch.cli.doctor halted")
