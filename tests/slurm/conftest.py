"""A real Slurm on this machine, where there can be one."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_workflow import finished, session_folder

__all__ = ["finished", "session_folder", "slurm"]

HERE = Path(__file__).parent
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its node's name. Skips with the reason where Slurm cannot run."""
    if os.getuid() != 0:
        pytest.skip("a Slurm of one's own needs root")
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    lacking = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if lacking:
        pytest.skip(f"{', '.join(lacking)} not there: apt-get install slurm-wlm munge (Debian)")
    conf = Path("/etc/slurm/slurm.conf")
    if conf.exists() and not conf.read_text().startswith("# Made by unseen's tests"):
        pytest.skip(f"{conf} is there: this machine has a Slurm of its own")
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([HERE / "start.sh", folder], check=True, timeout=60)
    yield socket.gethostname().split(".")[0]
    subprocess.run([HERE / "stop.sh", folder], check=True, timeout=60)
