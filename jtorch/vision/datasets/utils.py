"""Files of data sets: checked downloads, archives, and checks of arguments: `torchvision.datasets.utils`."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
import pathlib
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile

from jtorch.serialization.replacing import replacement_of

_CHUNK = 1 << 20
_WAIT = 30  # seconds to wait for a server's answer
_OPENERS = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}
_TARS = {".tgz": ".gz", ".tbz": ".bz2", ".tbz2": ".bz2"}
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


def calculate_md5(fpath, chunk_size=_CHUNK):
    """The MD5 sum of a file, in hexadecimal digits."""
    md5 = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            md5.update(chunk)
    return md5.hexdigest()


def check_md5(fpath, md5, **kwargs):
    """Whether a file has this MD5 sum."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath, md5=None):
    """Whether a file is there, and has this MD5 sum if one is given."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3):
    """Fetch a file into the folder `root`, unless it is there.

    It is renamed to its final name when it is complete and its sum is right.

    Raises:
        urllib.error.URLError: the address cannot be reached.
        OSError: the file cannot be written.
        RuntimeError: the downloaded file has another MD5 sum.
    """
    root = os.path.expanduser(root)
    path = os.path.join(root, filename or os.path.basename(url))
    os.makedirs(root, exist_ok=True)
    if check_integrity(path, md5):
        return
    asked = urllib.request.Request(url, headers={"User-Agent": "jtorch/vision"})
    with urllib.request.urlopen(asked, timeout=_WAIT) as answer:
        length, got, sum_ = answer.length, 0, hashlib.md5(usedforsecurity=False)
        with replacement_of(path) as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                sum_.update(chunk)
                got += len(chunk)
            if (length is not None and got < length) or (md5 is not None and sum_.hexdigest() != md5):
                raise RuntimeError("File not found or corrupted.")


def download_file_from_google_drive(file_id, root, filename=None, md5=None):
    """Fetch a file of Google Drive into the folder `root`. See :func:`download_url`."""
    download_url(_DRIVE + file_id, root, filename or file_id, md5)


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpack a tar or zip archive, or one compressed file, into a folder.

    A file is renamed to its final name when it is complete.

    Raises:
        RuntimeError: a suffix that names no known format.
        OSError, tarfile.TarError, zipfile.BadZipFile, EOFError: the archive is damaged or cut off.

    Differs from torch:
        A tar archive cannot write outside the folder.
    """
    path = os.fspath(from_path)
    to_path = os.path.dirname(path) if to_path is None else os.fspath(to_path)
    unpacked, last, inner = to_path, *_suffixes(path)
    if last == ".zip":
        _unpack(zipfile.ZipFile(path), to_path)
    elif last == ".tar" or last in _TARS or inner == ".tar":
        with tarfile.open(path) as archive:
            archive.extractall(to_path, filter="data")
    else:
        unpacked = os.path.join(to_path, os.path.basename(path).replace(last, ""))
        with _OPENERS[last](path, "rb") as source, replacement_of(unpacked) as file:
            shutil.copyfileobj(source, file, _CHUNK)
    if remove_finished:
        os.remove(path)
    return unpacked if isinstance(from_path, str) else pathlib.Path(unpacked)


def _unpack(archive, folder):
    with contextlib.closing(archive):
        archive.extractall(folder)


def _suffixes(path):
    """(the last suffix, the one before it) of a file that can be unpacked."""
    suffixes = pathlib.Path(path).suffixes
    if not suffixes:
        raise RuntimeError(
            f"File '{path}' has no suffixes that could be used to detect the archive type and compression."
        )
    last = suffixes[-1]
    known = sorted({*_TARS, ".tar", ".zip", *_OPENERS})
    if last not in known:
        raise RuntimeError(f"Unknown compression or archive type: '{last}'.\nKnown suffixes are: '{known}'.")
    return last, suffixes[-2] if len(suffixes) > 1 and last in _OPENERS else ""


def download_and_extract_archive(url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False):
    """Fetch an archive and unpack it. See :func:`download_url` and :func:`extract_archive`."""
    download_root = os.path.expanduser(download_root)
    filename = filename or os.path.basename(url)
    download_url(url, download_root, filename, md5)
    extract_archive(os.path.join(download_root, filename), extract_root or download_root, remove_finished)


def list_dir(root, prefix=False):
    """The folders in a folder: their names, or their paths with `prefix`."""
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix is True else names


def list_files(root, suffix, prefix=False):
    """The files in a folder whose names end in `suffix`: their names, or their paths with `prefix`."""
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if os.path.isfile(os.path.join(root, name)) and name.endswith(suffix)]
    return [os.path.join(root, name) for name in names] if prefix is True else names


def iterable_to_str(iterable):
    """The items in quotes, with commas between them."""
    return "'" + "', '".join(str(item) for item in iterable) + "'"


def verify_str_arg(value, arg=None, valid_values=None, custom_msg=None):
    """The value of an argument, if it is one of those that are known.

    Raises:
        ValueError: not a string, or not one of them.
    """
    if not isinstance(value, str):
        place = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{place}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        known = iterable_to_str(valid_values)
        message = f"Unknown value '{value}' for argument {arg}. Valid values are {{{known}}}."
        raise ValueError(message if custom_msg is None else custom_msg)
    return value
