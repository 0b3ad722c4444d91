"""Kills, full disks, damaged files: a clear error or a clean recovery, and the same results."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_workflow import TABLE, Workspace, outputs_of, quiet, rules

MODEL = "results/models/demo-e2e/model.safetensors"
SHARD = "results/clips/demo-ucf/000.h5"


def digests(workspace: Workspace) -> dict[str, str]:
    """All that has to come out the same: stores, embeddings, models, scores and the table."""
    found = {
        str(path.relative_to(workspace.folder)): path.read_text()
        for path in (workspace.folder / "results").rglob("*.sha256")
    }
    for pattern in ("metrics/*/*.csv", "predictions/*/*.csv", "table2.csv", "kept/*.txt"):
        for path in (workspace.folder / "results").glob(pattern):
            found[str(path.relative_to(workspace.folder))] = path.read_text()
    return found


def leftovers(workspace: Workspace) -> list[Path]:
    return sorted((workspace.folder / "results").rglob("*.tmp"))


def start(workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    """Snakemake in a session of its own, so that all its processes can be killed at once."""
    return subprocess.Popen(
        workspace.command(*arguments),
        cwd=workspace.folder,
        env=os.environ | quiet(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def stages_of(workspace: Workspace) -> list[int]:
    """The processes that write in a work folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            folder = (process / "cwd").readlink()
        except OSError:
            continue
        if b"run_stage.py" in line and folder == workspace.folder:
            found.append(int(process.name))
    return found


def forget(workspace: Workspace, *folders: str) -> None:
    """Remove results and the table that is made of them."""
    for folder in folders:
        shutil.rmtree(workspace.folder / "results" / folder)
    (workspace.folder / TABLE).unlink()


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def afresh(workspace: Workspace) -> Workspace:
    """A work folder with the rendered videos and no results."""
    shutil.rmtree(workspace.folder / "results")
    records = workspace.folder / ".snakemake/metadata"
    for path in records.iterdir():
        if not path.name.startswith(urlsafe_b64encode(b"resources/de")[:15].decode()):
            path.unlink()
    return workspace


# Kills


def kill_and_complete(
    workspace: Workspace, rng: random.Random, kills: int, longest_s: float
) -> list[str]:
    """Kill the pipeline at random moments, half the time Snakemake alone, then let it finish."""
    story = []
    for _ in range(kills):
        process = start(workspace, TABLE)
        try:
            process.wait(rng.uniform(2, longest_s))
            story.append("ended by itself")
        except subprocess.TimeoutExpired:
            whole = rng.random() < 0.5
            (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
            story.append("all killed" if whole else "snakemake killed")
        process.stdout.close()
        process.wait()
        workspace.run("--unlock")
    workspace.run(TABLE)
    return story


def assert_undisturbed(workspace: Workspace, finished: Workspace, story: object) -> None:
    wait_until(lambda: not stages_of(workspace))
    assert workspace.table() == finished.table(), story
    assert digests(workspace) == digests(finished), story
    assert leftovers(workspace) == [], story
    assert workspace.run("--dry-run", TABLE) == [], story


@pytest.mark.long
def test_kills(afresh: Workspace, finished: Workspace) -> None:
    rng = random.Random(9)
    story = kill_and_complete(afresh, rng, kills=5, longest_s=14)
    assert_undisturbed(afresh, finished, story)


@pytest.mark.long
def test_many_kills(afresh: Workspace, finished: Workspace, tmp_path: Path) -> None:
    """UNSEEN_KILLS kills (30), each chain from its start; outcomes go to a file for the record."""
    total = int(os.environ.get("UNSEEN_KILLS", "30"))
    seed = int(os.environ.get("UNSEEN_KILL_SEED", "1"))
    rng = random.Random(seed)
    stories: list[str] = []
    while sum("killed" in event for event in stories) < total:
        trial = Workspace(afresh.repository, tmp_path / "trial", afresh.config)
        shutil.copytree(afresh.folder, trial.folder)
        story = kill_and_complete(trial, rng, kills=6, longest_s=20)
        assert_undisturbed(trial, finished, story)
        stories += story
        if "UNSEEN_KILL_LOG" in os.environ:
            Path(os.environ["UNSEEN_KILL_LOG"]).write_text("\n".join(stories) + "\n")
        shutil.rmtree(trial.folder)


@pytest.mark.long
def test_outliving_stage(workspace: Workspace, finished: Workspace) -> None:
    """A stage whose Snakemake was killed goes on; the next one's stage waits for it to end."""
    shutil.rmtree(workspace.folder / "results/models")
    first = start(workspace, MODEL)
    wait_until(lambda: stages_of(workspace))
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    (outliving,) = stages_of(workspace)
    locks = workspace.folder / ".snakemake/unseen_locks"
    wait_until(lambda: str(outliving) in [path.read_text() for path in locks.iterdir()])
    os.kill(outliving, signal.SIGSTOP)
    workspace.run("--unlock")
    second = start(workspace, MODEL)
    told = any(f"waiting for process {outliving}" in line for line in second.stdout)
    os.kill(outliving, signal.SIGCONT)
    text, _ = second.communicate(timeout=120)
    assert told and second.returncode == 0, text
    assert (workspace.folder / MODEL).read_bytes() == (finished.folder / MODEL).read_bytes()


@pytest.mark.long
def test_two_at_once(workspace: Workspace) -> None:
    """The second is refused and told why; the first is not disturbed."""
    shutil.rmtree(workspace.folder / "results/models")
    first = start(workspace, MODEL)
    wait_until(lambda: stages_of(workspace))
    stages = stages_of(workspace)
    for stage in stages:
        os.kill(stage, signal.SIGSTOP)  # else it might be done before the second call looks
    second = workspace.call(MODEL)
    for stage in stages:
        os.kill(stage, signal.SIGCONT)
    assert second.returncode != 0
    assert "cannot be locked" in second.stdout and "--unlock" in second.stdout
    text, _ = first.communicate(timeout=120)
    assert first.returncode == 0, text


# Records


@pytest.mark.long
def test_record_cut_in_half(workspace: Workspace, finished: Workspace) -> None:
    """Without the mend a damaged record reads as nothing to be done, whatever changed."""
    record = workspace.folder / ".snakemake/metadata" / urlsafe_b64encode(MODEL.encode()).decode()
    os.truncate(record, record.stat().st_size // 2)
    done = workspace.call(TABLE)
    assert done.returncode == 0, done.stdout
    assert f"{MODEL} will be made anew: its record is damaged" in done.stdout
    assert outputs_of(done.stdout, "train") == [MODEL]
    assert workspace.table() == finished.table()
    assert json.loads(record.read_text())["rule"] == "train"
    assert workspace.run("--dry-run", TABLE) == []


@pytest.mark.long
def test_killed_before_the_record(workspace: Workspace) -> None:
    """The outputs are there, marked as incomplete, without a record of what made them."""
    name = urlsafe_b64encode(MODEL.encode()).decode()
    (workspace.folder / ".snakemake/metadata" / name).unlink()
    (workspace.folder / ".snakemake/incomplete" / name).write_text('{"external_jobid": null}')
    jobs = workspace.run(TABLE)
    assert [job.output for job in jobs if job.rule == "train"] == [MODEL]
    assert workspace.run("--dry-run", TABLE) == []


@pytest.mark.long
@pytest.mark.parametrize("killed", [True, False])
def test_rerun_that_does_not_finish(workspace: Workspace, killed: bool) -> None:
    """Its earlier output is gone. What was made of that must not pass for up to date."""
    workspace.config["testing"]["snippets"] = 1
    model = workspace.folder / MODEL
    content = model.read_bytes()
    if killed:
        process = start(workspace, TABLE)
        wait_until(lambda: stages_of(workspace))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        workspace.run("--unlock")
    else:
        model.write_bytes(content[:100])
        assert workspace.call(TABLE).returncode != 0
        model.write_bytes(content)
    assert rules(workspace.run(TABLE)) >= {"embed_videos", "score_videos", "make_table"}
    assert workspace.run("--dry-run", TABLE) == []


def test_removed_to_save_space(workspace: Workspace) -> None:
    """Clip stores that somebody removed are made again only when they are needed."""
    shutil.rmtree(workspace.folder / "results/clips")
    assert workspace.run("--dry-run", TABLE) == []


def test_records_gone(workspace: Workspace) -> None:
    shutil.rmtree(workspace.folder / ".snakemake")
    assert "warning: .snakemake is gone" in workspace.call("--dry-run", TABLE).stdout


def test_clock_ahead(workspace: Workspace) -> None:
    """Results from tomorrow, since the clock has been set back: nothing reruns for that."""
    date(workspace, time.time() + 86400)
    assert workspace.run("--dry-run", TABLE) == []


@pytest.mark.long
def test_clock_that_jumps(workspace: Workspace, finished: Workspace) -> None:
    """A job whose inputs are from tomorrow is refused with their name; touching them mends it."""
    date(workspace, time.time() + 86400)
    workspace.config["testing"]["snippets"] = 1
    done = workspace.call(TABLE)
    assert done.returncode != 0
    assert "has older modification time" in done.stdout and "clock skew" in done.stdout
    date(workspace, time.time())
    assert rules(workspace.run(TABLE)) == {"embed_videos", "score_videos", "make_table"}
    assert workspace.run("--dry-run", TABLE) == []


def date(workspace: Workspace, seconds: float) -> None:
    """Give all results a time, as `find results -exec touch {} +` does."""
    for path in (workspace.folder / "results").rglob("*"):
        os.utime(path, (seconds, seconds))


# Disks


@pytest.mark.long
def test_file_size_limit(workspace: Workspace, finished: Workspace) -> None:
    """A file that cannot be written whole is not there at all; its error says what happened."""
    forget(workspace, "models", "video_embeddings", "metrics")
    limit = (finished.folder / MODEL).stat().st_size // 2
    done = subprocess.run(
        workspace.command(TABLE),
        cwd=workspace.folder,
        env=os.environ | quiet(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "File too large" in done.stdout + done.stderr
    assert not (workspace.folder / "results/models/demo-sun/model.safetensors").exists()
    assert leftovers(workspace) == []
    workspace.run(TABLE)
    assert workspace.table() == finished.table()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system of a limited size can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.long
def test_full_disk(workspace: Workspace, finished: Workspace, small_disk: Path) -> None:
    """The disk fills up while models are written; with room again the chain completes."""
    forget(workspace, "models", "video_embeddings", "metrics")
    folder = Path(shutil.copytree(workspace.folder, small_disk / "work"))
    full = Workspace(workspace.repository, folder, workspace.config)
    ballast = small_disk / "ballast"
    room = (finished.folder / MODEL).stat().st_size * 3 // 2
    with ballast.open("wb") as stream:
        stream.write(bytes(max(0, shutil.disk_usage(small_disk).free - room)))
    done = full.call(TABLE)
    assert done.returncode != 0
    assert "No space left on device" in done.stdout
    assert leftovers(full) == []
    ballast.unlink()
    full.call("--unlock")
    full.run(TABLE)
    assert full.table() == finished.table()


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Make a folder read-only, for root too."""
    mounted = []

    def protect(folder: Path) -> None:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222)
        if os.getuid() == 0:  # root may write all the same, unless the file system is read-only
            for options in ("bind", "remount,bind,ro"):
                command = ["mount", "-o", options, str(folder), str(folder)]
                if subprocess.run(command, capture_output=True).returncode:
                    pytest.skip("root cannot mount a folder read-only here")
                mounted.append(folder)

    yield protect
    for folder in dict.fromkeys(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_read_only_results(
    workspace: Workspace, finished: Workspace, read_only: Callable[[Path], None]
) -> None:
    """Nothing can be written: an error that says so, and nothing is lost."""
    workspace.config["testing"]["snippets"] = 1
    read_only(workspace.folder / "results")
    done = workspace.call(TABLE)
    assert done.returncode != 0
    assert "Write-protected output files" in done.stdout
    assert digests(workspace) == digests(finished)


# Damaged files


def flip_bits(path: Path) -> None:
    """Flip bits in the middle, where the pictures are."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 0x5A for byte in content[middle : middle + 64])
    path.write_bytes(content)


@pytest.mark.long
def test_shard_with_flipped_bits(workspace: Workspace, finished: Workspace) -> None:
    """`check_store` names the shard; once removed it is decoded again to the same bytes."""
    flip_bits(workspace.folder / SHARD)
    done = workspace.call("check_store")
    assert done.returncode != 0
    assert f"{SHARD}" in done.stdout and "Traceback" not in done.stdout
    (workspace.folder / SHARD).unlink()
    workspace.run(TABLE)
    workspace.run("check_store")
    assert digests(workspace) == digests(finished)


@pytest.mark.long
@pytest.mark.parametrize("name", [SHARD, MODEL])
def test_truncated(workspace: Workspace, name: str) -> None:
    path = workspace.folder / name
    os.truncate(path, path.stat().st_size // 2)
    forget(workspace, "video_embeddings", "metrics")
    done = workspace.call(TABLE)
    assert done.returncode != 0
    assert "error: " in done.stdout and "Traceback" not in done.stdout
    assert name in done.stdout.split("error: ", 1)[1].splitlines()[0]
