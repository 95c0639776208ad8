"""`torch.hub`: models from a folder with a `hubconf.py`, and files of weights from a URL or the cache folder.

The cache folder is PyTorch's (`$TORCH_HOME/hub`), so what PyTorch has downloaded is found.

Differs from torch: a repository of GitHub is not downloaded. One that is in the cache folder is used; any other is refused with
what to do. Code that is written for PyTorch says `import torch` and runs under `jtorch run`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from jtorch.core.facts import config
from jtorch.serialization import load as load_file

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
MODULE_HUBCONF, VAR_DEPENDENCY = "hubconf.py", "dependencies"
READ_DATA_CHUNK = 128 * 1024
_folder: str | None = None


def _get_torch_home():
    return str(config.hub_folder().parent)


def get_dir() -> str:
    """The cache folder: what `set_dir` was given, or `$TORCH_HOME/hub` (`~/.cache/torch/hub`)."""
    return _folder or str(config.hub_folder())


def set_dir(d) -> None:
    """Use another cache folder."""
    global _folder
    _folder = os.path.expanduser(d)


# ---- repositories


def _parse_repo_info(github):
    repo, _, ref = github.partition(":")
    owner, name = repo.split("/")
    return owner, name, ref or None


def _cached_repository(github):
    """The folder of a repository that was downloaded before."""
    owner, name, ref = _parse_repo_info(github)
    for branch in (ref,) if ref else ("main", "master"):
        folder = os.path.join(get_dir(), "_".join([owner, name, branch.replace("/", "_")]))
        if os.path.isdir(folder):
            return folder
    raise RuntimeError(
        f"jtorch downloads no code, and {github} is not in {get_dir()}: clone https://github.com/{owner}/{name} and call"
        " torch.hub.load(FOLDER, ..., source='local')"
    )


def _folder_of(repo_or_dir, source):
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    return _cached_repository(repo_or_dir) if source == "github" else os.path.expanduser(repo_or_dir)


@contextlib.contextmanager
def _hubconf(folder):
    """The module of a folder's hubconf.py. In the block Python finds the folder's own modules."""
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location(MODULE_HUBCONF, os.path.join(folder, MODULE_HUBCONF))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(folder)


def _entry_point(module, name):
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    needed = getattr(module, VAR_DEPENDENCY, None) or ()
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    entry = getattr(module, name, None)
    if not callable(entry):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return entry


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """The names of the models of a repository in the cache folder."""
    with _hubconf(_cached_repository(github)) as module:
        return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """The docstring of a model of a repository in the cache folder."""
    with _hubconf(_cached_repository(github)) as module:
        return _entry_point(module, model).__doc__


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo="check",
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """What the function `model` of a folder's hubconf.py returns for these arguments.

    Args:
        repo_or_dir: a folder, or "owner/repository:branch".
        source: "local" for a folder; "github" for a repository that is in the cache folder.

    Raises:
        RuntimeError: hubconf.py has no such function, or needs packages that are not installed; or the repository is not
            in the cache folder.
        FileNotFoundError: the folder has no hubconf.py.
    """
    with _hubconf(_folder_of(repo_or_dir, source)) as module:
        return _entry_point(module, model)(*args, **kwargs)


# ---- files


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Download a file.

    Args:
        hash_prefix: what the file's SHA-256 begins with.
        progress: show a progress bar, if tqdm is installed.

    Raises:
        RuntimeError: the hash is another.
        urllib.error.URLError: there is no such file, or no network.
    """
    dst = os.path.expanduser(dst)
    partial = tempfile.NamedTemporaryFile(dir=os.path.dirname(dst) or ".", suffix=".partial", delete=False)
    try:
        with partial, urlopen(Request(url, headers={"User-Agent": "torch.hub"})) as source:
            digest = hashlib.sha256()
            with _bar(source, progress) as bar:
                while chunk := source.read(READ_DATA_CHUNK):
                    partial.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
        found = digest.hexdigest()
        if hash_prefix is not None and found[: len(hash_prefix)] != hash_prefix:
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
        os.replace(partial.name, dst)
    finally:
        if os.path.exists(partial.name):
            os.remove(partial.name)


class _NoBar:
    def update(self, n):
        """Nothing is shown."""


def _bar(source, progress):
    try:
        from tqdm import tqdm
    except ImportError:
        return contextlib.nullcontext(_NoBar())
    size = source.headers.get("Content-Length") if source.headers else None
    total = int(size) if size else None
    return tqdm(total=total, disable=not progress, unit="B", unit_scale=True, unit_divisor=1024)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location=None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
):
    """What `torch.load` gives of the file at a URL. The file is kept in `model_dir`, and looked for there first.

    Args:
        model_dir: a folder; None: `checkpoints` in the cache folder.
        check_hash: the file's name ends with the beginning of its SHA-256 (`resnet50-0676ba61.pth`), which is checked.
        file_name: the file's name in the folder, if it is not the URL's.

    Raises:
        RuntimeError: the hash is another.
        urllib.error.URLError: the file is not in the folder, and cannot be downloaded.
    """
    folder = Path(model_dir or os.path.join(get_dir(), "checkpoints"))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / (file_name or os.path.basename(urlparse(url).path))
    if not file.exists():
        sys.stderr.write(f'Downloading: "{url}" to {file}\n')
        match = HASH_REGEX.search(file.name) if check_hash else None
        download_url_to_file(url, str(file), match.group(1) if match else None, progress=progress)
    if _is_zip_of_one_file(file):
        warnings.warn(
            "Falling back to the old format < 1.6. This support will be "
            "deprecated in favor of default zipfile format introduced in 1.6. "
            "Please redo torch.save() to save it in the new zipfile format.",
            DeprecationWarning,
            stacklevel=2,
        )
        with zipfile.ZipFile(file) as archive:
            file = Path(archive.extract(archive.infolist()[0], folder))
    return load_file(file, map_location=map_location, weights_only=weights_only)


def _is_zip_of_one_file(file):
    """Whether it is an old archive around one file; a file of `torch.save` holds several."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return len(archive.infolist()) == 1
