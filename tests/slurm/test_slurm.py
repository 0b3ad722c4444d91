"""The tiny configuration on a real Slurm: the same table, in time and after a time limit."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from tiny_workflow import TABLE, Workspace, copy_of, quiet

pytestmark = pytest.mark.slurm


@pytest.fixture
def cluster(finished: Workspace, slurm: str, tmp_path: Path) -> Workspace:
    """A work folder with the rendered videos, and the profile with a test's short waits."""
    workspace = copy_of(finished, tmp_path / "work")
    shutil.rmtree(workspace.folder / ".snakemake")
    shutil.rmtree(workspace.folder / "results")
    profile = yaml.safe_load((workspace.repository / "profiles/slurm/config.yaml").read_text())
    profile["slurm-init-seconds-before-status-checks"] = 5
    profile["default-resources"]["mem_mb"] = 1000
    profile["set-resources"] = {"train": {"mem_mb": 3000}, "embed_videos_0": {"mem_mb": 3000}}
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(yaml.safe_dump(profile))
    return workspace


def command(workspace: Workspace, *arguments: str) -> list[str]:
    profile = str(workspace.folder.parent / "profile")
    return [
        part
        for part in workspace.command("--profile", profile, "--jobs", "8", *arguments)
        if part not in ("--cores", "2")
    ]


def submit(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(workspace, *arguments),
        cwd=workspace.folder,
        env=os.environ | quiet(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=230,
    )


def queued() -> list[str]:
    """Jobs that wait or run."""
    done = subprocess.run(
        ["squeue", "--noheader", "--format=%i", "--states=PENDING,RUNNING"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_same_table(cluster: Workspace, finished: Workspace) -> None:
    """Every stage as a Slurm job, and the same bytes as on this machine."""
    done = submit(cluster, TABLE)
    assert done.returncode == 0, done.stdout[-5000:]
    assert cluster.table() == finished.table()
    assert "SLURM jobid" in done.stdout
    assert queued() == []


def test_cancelled(cluster: Workspace) -> None:
    """Control-C takes the jobs along, and the next start needs no more than a moment."""
    process = subprocess.Popen(
        command(cluster, "results/settled"),
        cwd=cluster.folder,
        env=os.environ | quiet(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while not queued():
        assert time.monotonic() < end, "no job was submitted"
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    time.sleep(2)
    assert queued() == []
    assert cluster.run("--dry-run", "results/settled")
