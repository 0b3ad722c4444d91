"""The workflow on the tiny configuration, in folders of its own.

The repository is copied once, so that tests may edit it and so that nobody else's edit disturbs
them; the chain is run once in a work folder; each test gets copies of these. All processes of a
test run (pytest-xdist) share them.
"""

import copy
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from repository import REPOSITORY

TINY = REPOSITORY / "tests/config/tiny.yaml"
TABLE = "results/table2.csv"
TRACED = REPOSITORY / "tests/workflow/traced"


@dataclass
class Job:
    """A job that Snakemake ran or would run, and why."""

    rule: str
    output: str
    reason: str

    @property
    def is_own(self) -> bool:
        """Whether the job has a reason of its own, not only that an earlier one reruns."""
        others = ("Input files updated by another job", "Forced execution")
        return not all(part.startswith(others) for part in self.reason.split("; "))


@dataclass
class Workspace:
    """A copy of the repository and a work folder."""

    repository: Path
    folder: Path
    config: dict[str, Any] = field(default_factory=lambda: yaml.safe_load(TINY.read_text()))
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self.config))
        command = [sys.executable, "-m", "snakemake", "--snakefile", f"{self.repository}/Snakefile"]
        command += ["--directory", str(self.folder), "--configfile", str(path)]
        return [*command, "--cores", str(cores), *arguments]

    def call(
        self, *arguments: str, cores: int = 2, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake, whatever comes of it; its messages are in `stdout`."""
        command = self.command(*arguments, cores=cores)
        variables = os.environ | {"PYTHONPATH": ""} | quiet() | self.environment | environment
        with tempfile.NamedTemporaryFile("r") as output:
            status = snakemake(command[3:], self.folder, variables, output.name)
            return subprocess.CompletedProcess(command, status, output.read())

    def run(self, *arguments: str, cores: int = 2, **environment: str) -> list[Job]:
        """Run Snakemake, which has to succeed, and return the jobs."""
        done = self.call(*arguments, cores=cores, **environment)
        assert done.returncode == 0, done.stdout[-6000:]
        return jobs_in(done.stdout)

    def would_rerun(self, *targets: str) -> list[Job]:
        """The jobs that bring the targets up to date, none run but those before the cut-off."""
        jobs = self.run("--dry-run", *(targets or (TABLE,)))
        if any(job.rule == "settle" for job in jobs):
            before = self.run("results/settled")
            return before + self.run("--dry-run", *(targets or (TABLE,)))
        return jobs

    def table(self) -> bytes:
        return (self.folder / TABLE).read_bytes()


def snakemake(arguments: list[str], folder: Path, environment: dict[str, str], output: str) -> int:
    """The exit status of a call, which has ten minutes."""
    server = snakemake_server()
    call = {"arguments": arguments, "folder": str(folder)}
    print(json.dumps(call | {"environment": environment, "output": output}), file=server.stdin)
    if not select.select([server.stdout], [], [], 600)[0]:
        os.killpg(server.pid, signal.SIGKILL)
        snakemake_server.cache_clear()
        raise TimeoutError(Path(output).read_text()[-3000:])
    return int(server.stdout.readline())


@cache
def snakemake_server() -> subprocess.Popen[str]:
    """The process that answers this one's calls; it ends when this one does."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("snakemake_server.py")],
        env=os.environ | quiet(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        start_new_session=True,
    )


def quiet() -> dict[str, str]:
    return {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def jobs_in(text: str) -> list[Job]:
    """The jobs in Snakemake's messages. A rule's running number is no part of its name."""
    jobs = []
    for block in re.split(r"\n(?=(?:local)?(?:rule|checkpoint) \S+:\n)", text)[1:]:
        name = re.match(r"(?:local)?(?:rule|checkpoint) (\S+):", block).group(1)
        output = re.search(r"^    output: (\S+?),?(?: |$)", block, re.M)
        reason = re.search(r"^    reason: (.*)$", block, re.M)
        jobs.append(
            Job(
                re.sub(r"_(into_)?\d+$", "", name),
                output.group(1) if output else "",
                reason.group(1) if reason else "",
            )
        )
    return jobs


def rules(jobs: Iterable[Job]) -> set[str]:
    return {job.rule for job in jobs}


def own(jobs: Iterable[Job]) -> set[str]:
    """The rules of the jobs with a reason of their own."""
    return rules(job for job in jobs if job.is_own)


def put(config: Any, key: str, value: Any) -> None:
    """Set a key such as `training.epochs` or `table2.0.run`."""
    *sections, last = key.split(".")
    for name in sections:
        config = config[int(name)] if isinstance(config, list) else config.setdefault(name, {})
    config[last] = value


def outputs_of(text: str, rule: str) -> list[str]:
    """The first outputs of a rule's jobs in Snakemake's messages."""
    return sorted(job.output for job in jobs_in(text) if job.rule == rule)


def copy_repository(target: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", ".snakemake")
    for name in ("src", "workflow", "config", "profiles"):
        shutil.copytree(REPOSITORY / name, target / name, ignore=ignored)
    shutil.copy2(REPOSITORY / "Snakefile", target)
    return target


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "workflow"
    folder.mkdir(exist_ok=True)
    return folder


def once(base: Workspace, make: Callable[[Workspace], None]) -> Workspace:
    """A work folder that one process of a test run makes, while the others wait.

    It is not to be changed afterwards; its configuration is the one that was run last.
    """
    done = base.folder.with_suffix(".done")
    with FileLock(base.folder.with_suffix(".lock")):
        if not done.exists():
            shutil.rmtree(base.folder, ignore_errors=True)  # what failed in another process
            make(base)
            done.touch()
    return replace(base, config=yaml.safe_load((base.folder / "config.yaml").read_text()))


@pytest.fixture(scope="session")
def finished(session_folder: Path) -> Workspace:
    """The whole chain, run once. Not to be changed: `workspace` is a copy of it."""

    def make(base: Workspace) -> None:
        shutil.rmtree(base.repository, ignore_errors=True)
        copy_repository(base.repository)
        shutil.copytree(TINY.parent, base.folder / "tests/config")
        base.run(TABLE, PYTHONPATH=str(TRACED), UNSEEN_TRACE=str(session_folder / "traces"))

    return once(Workspace(session_folder / "repository", session_folder / "finished"), make)


def elsewhere(base: Workspace, folder: Path) -> Workspace:
    """The same configuration for a work folder that is still to be made."""
    return replace(base, folder=folder, config=copy.deepcopy(base.config))


def copy_of(base: Workspace, folder: Path) -> Workspace:
    shutil.copytree(base.folder, folder, symlinks=True)
    return elsewhere(base, folder)


@pytest.fixture
def workspace(finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the finished work folder, with the session's repository."""
    return copy_of(finished, tmp_path / "work")


@pytest.fixture
def own_repository(workspace: Workspace, tmp_path: Path) -> Workspace:
    """The same with a repository that the test may edit, whose place is the session's."""
    workspace.repository = Path(
        shutil.copytree(workspace.repository, tmp_path / "repository", symlinks=True)
    )
    return workspace
