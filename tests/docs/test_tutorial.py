"""The tutorial, command by command, in a fresh copy of the repository."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import REPOSITORY

COMMANDS = re.compile(r"^```bash\n(.*?)^```", re.S | re.M)


@pytest.mark.long
def test_every_command_of_the_tutorial_runs(tmp_path: Path) -> None:
    """In the environment of the tests, which stands in for the one that `make` would make."""
    environment = Path(sys.prefix)
    if not (environment / "bin/activate").is_file():
        pytest.skip("the tests do not run in a virtual environment")
    clone = tmp_path / "clone"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, files.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, clone / name)
    subprocess.run(["git", "init", "-q"], cwd=clone, check=True)
    (clone / ".venv").mkdir()
    (clone / ".venv/bin").symlink_to(environment / "bin")
    (clone / ".venv/.ready").touch()

    blocks = COMMANDS.findall((clone / "docs/tutorial.md").read_text(encoding="utf-8"))
    assert len(blocks) > 10
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "\n".join(blocks)],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    table = (clone / "results/table2.csv").read_text()
    assert [line.split(",")[0] for line in table.splitlines()[-2:]] == ["contrastive", "hinge"]
    assert (clone / "losses.svg").stat().st_size > 5_000
