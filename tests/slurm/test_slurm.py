"""The tiny configuration on a real Slurm: the same bytes as locally, whatever ends a job."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_workflow import TABLE, Workspace, copy_of, quiet

pytestmark = pytest.mark.slurm
MODEL = "results/models/demo-e2e/model.safetensors"


@pytest.fixture
def cluster(finished: Workspace, slurm: str, tmp_path: Path) -> Workspace:
    """A work folder with the rendered videos, and the profile with a test's short waits."""
    workspace = copy_of(finished, tmp_path / "work")
    shutil.rmtree(workspace.folder / ".snakemake")
    shutil.rmtree(workspace.folder / "results")
    write_profile(workspace, short_waits(workspace))
    return workspace


def short_waits(workspace: Workspace) -> dict[str, Any]:
    """The profile, with a test's waits and memory."""
    profile = yaml.safe_load((workspace.repository / "profiles/slurm/config.yaml").read_text())
    profile["slurm-init-seconds-before-status-checks"] = 1
    profile["default-resources"]["mem_mb"] = 1000
    profile["set-resources"] = {"train": {"mem_mb": 3000}, "embed_videos_0": {"mem_mb": 3000}}
    return profile


def write_profile(workspace: Workspace, profile: dict[str, Any]) -> None:
    folder = workspace.folder.parent / "profile"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(profile))


def command(workspace: Workspace, *arguments: str) -> list[str]:
    profile = str(workspace.folder.parent / "profile")
    return [
        part
        for part in workspace.command("--profile", profile, "--jobs", "8", *arguments)
        if part not in ("--cores", "2")
    ]


def start(workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(workspace, *arguments),
        cwd=workspace.folder,
        env=os.environ | quiet(),
        stdout=(workspace.folder / "printed").open("w"),
        stderr=subprocess.STDOUT,
        text=True,
    )


def submit(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(workspace, *arguments),
        cwd=workspace.folder,
        env=os.environ | quiet(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
    )


def slurm_logs(workspace: Workspace, rule: str) -> list[Path]:
    """What the jobs of a rule have printed, in the order of their submission."""
    folder = workspace.folder / ".snakemake/slurm_logs" / f"rule_{rule}"
    return sorted(folder.rglob("*.log"), key=lambda path: int(path.stem))


def jobs_shown() -> dict[str, tuple[str, str, str]]:
    """Jobs that wait or run: what they are, their memory and their GPUs."""
    columns = "--Format=jobid:12,comment:100,minmemory:12,tres-per-job:24"
    done = subprocess.run(
        ["squeue", "--noheader", columns, "--states=PENDING,RUNNING"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split() for line in done.stdout.splitlines())
    return {job: (comment, memory, gpus) for job, comment, memory, gpus in lines}


@pytest.mark.long
def test_same_table(cluster: Workspace, finished: Workspace) -> None:
    """Every stage as a Slurm job, and the same bytes as on this machine."""
    done = submit(cluster, TABLE)
    assert done.returncode == 0, done.stdout[-5000:]
    assert cluster.table() == finished.table()
    assert "SLURM jobid" in done.stdout
    assert jobs_shown() == {}


SLOW = """

_step = train_step


def train_step(*arguments):
    time.sleep(0.28)
    return _step(*arguments)
"""


def slow_training(workspace: Workspace) -> Workspace:
    """A model of 80 epochs, made here, and a workspace that lacks it and whose training is slow.

    Its 240 steps take at least 67 s.
    """
    run = workspace.config["runs"]["demo-e2e"]
    run |= {"weights": None, "epochs": 80, "checkpoint_minutes": 60}
    workspace.run(MODEL)
    slow = copy_of(workspace, workspace.folder.parent / "slow")
    slow.repository = shutil.copytree(workspace.repository, slow.folder.parent / "repository")
    with (slow.repository / "src/unseen/network/training.py").open("a") as code:
        code.write(SLOW)
    shutil.rmtree(slow.folder / "results/models/demo-e2e")
    return slow


@pytest.mark.long
def test_time_limit(finished: Workspace, slurm: str, tmp_path: Path) -> None:
    """Training that needs more than its two minutes stops after one; its next job goes on.

    The model is that of a run without interruption, bit by bit.
    """
    whole = copy_of(finished, tmp_path / "whole")
    slow = slow_training(whole)
    profile = short_waits(slow)
    profile["slurm-keep-successful-logs"] = True
    profile["set-resources"]["train"]["runtime"] = 2
    write_profile(slow, profile)
    done = submit(slow, MODEL)
    assert done.returncode == 0, done.stdout[-5000:]
    assert done.stdout.count("has been submitted with SLURM jobid") == 2
    first, second = (path.read_text() for path in slurm_logs(slow, "train"))
    assert "stopped at results/models/demo-e2e/checkpoint" in first
    assert "going on from epoch" not in first
    assert "waiting for process" not in second
    assert re.search(r"going on from epoch \d+, step \d+", second)
    assert (slow.folder / MODEL).read_bytes() == (whole.folder / MODEL).read_bytes()


@pytest.mark.long
def test_cancelled_from_outside(finished: Workspace, slurm: str, tmp_path: Path) -> None:
    """What `scancel` ends is submitted anew, with more memory.

    Two shards go out as one job with the memory of both; training on `device: auto` gets a GPU.
    """
    workspace = copy_of(finished, tmp_path / "work")
    workspace.config["training"]["device"] = "auto"
    shards = [f"results/clips/demo-kinetics/{number}.h5" for number in ("000", "001")]
    for shard in shards:
        (workspace.folder / shard).unlink()
    write_profile(workspace, short_waits(workspace))
    process = start(workspace, *shards, MODEL)
    seen: dict[str, tuple[str, str, str]] = {}
    end = time.monotonic() + 200
    while process.poll() is None:
        assert time.monotonic() < end, seen
        new = {job: shown for job, shown in jobs_shown().items() if job not in seen}
        if new and not seen:
            subprocess.run(["scancel", *new], check=True)
        seen |= new
        time.sleep(0.2)
    assert process.returncode == 0, (workspace.folder / "printed").read_text()[-5000:]
    first, again, training = seen.values()
    assert "decode" in first[0] and first[1:] == ("4000M", "N/A")
    assert "decode" in again[0] and again[1:] == ("8000M", "N/A")
    assert "train" in training[0] and training[1:] == ("3000M", "gres:gpu:1")
    assert (workspace.folder / MODEL).read_bytes() == (finished.folder / MODEL).read_bytes()


@pytest.mark.long
def test_interrupted(cluster: Workspace) -> None:
    """Control-C takes the jobs along, and the next start needs no more than a moment."""
    process = start(cluster, "results/settled")
    end = time.monotonic() + 60
    while not jobs_shown():
        assert time.monotonic() < end, "no job was submitted"
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    time.sleep(2)
    assert jobs_shown() == {}
    assert cluster.run("--dry-run", "results/settled")
