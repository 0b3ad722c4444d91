"""Records that hide something are found: damaged ones, those of interrupted and failed jobs."""

import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from unseen.plan.records import UNKNOWN, mend_records

SOUND = json.dumps({"rule": "train", "input_checksums": {"a": "b"}}).encode()
LONG = "results/" + 40 * "long/name/" + "x"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".snakemake"


def record(folder: Path, output: str, content: bytes, kind: str = "metadata") -> Path:
    """Write a record where Snakemake would: names of more than 254 characters are split."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[start : start + 254] for start in range(0, len(name), 254)]
    path = folder.joinpath(kind, *("@" + part for part in parts[:-1]), parts[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [SOUND[: len(SOUND) // 2], SOUND[:-1], b"", b"\0" * 40, b"7"])
@pytest.mark.parametrize("output", ["results/table2.csv", LONG])
def test_damaged_record(folder: Path, content: bytes, output: str) -> None:
    damaged = record(folder, output, content)
    sound = record(folder, "results/sound.csv", SOUND)
    assert mend_records(folder) == {output: "its record is damaged"}
    assert json.loads(damaged.read_text()) == UNKNOWN
    assert sound.read_bytes() == SOUND
    assert mend_records(folder) == {}


@pytest.mark.parametrize("before", [None, SOUND])
@pytest.mark.parametrize("output", ["results/model.safetensors", LONG])
def test_interrupted_job(folder: Path, output: str, before: bytes | None) -> None:
    """An output without a record of the job that made it, or with that of an earlier job."""
    file = folder.parent / output
    file.parent.mkdir(parents=True)
    file.touch()
    mark = record(folder, output, b"{}", kind="incomplete")
    if before:
        record(folder, output, before)
    assert mend_records(folder) == {output: "its job was interrupted"}
    assert mark.exists() and file.exists()
    assert mend_records(folder) == {}


def test_outputs_in_a_bucket(folder: Path) -> None:
    record(folder, "s3://bucket/x.h5", b"{}", kind="incomplete")
    record(folder, "s3://bucket/score.csv", b'{"input": ["s3://bucket/gone.csv"]}')
    assert mend_records(folder) == {}
    there = {"s3://bucket/x.h5", "s3://bucket/score.csv"}
    assert mend_records(folder, there.__contains__) == {
        "s3://bucket/x.h5": "its job was interrupted",
        "s3://bucket/score.csv": "the job that makes s3://bucket/gone.csv anew did not finish",
    }


def test_interrupted_job_without_output(folder: Path) -> None:
    record(folder, "results/model.safetensors", b"{}", kind="incomplete")
    assert mend_records(folder) == {}


@pytest.mark.parametrize("failed", [True, False])
def test_rerun_that_did_not_finish(folder: Path, failed: bool) -> None:
    """Its output is gone; what had been made of the earlier one is out of date."""
    scores = record(folder, "results/score.csv", b'{"input": ["results/x.h5.sha256"]}')
    other = record(folder, "results/other.csv", b'{"input": ["results/removed.h5"]}')
    remade = record(folder, "results/x.h5.sha256", SOUND)
    removed = record(folder, "results/removed.h5", SOUND)
    for path, time in (scores, 1000), (other, 1000), (removed, 900), (remade, 900 + 200 * failed):
        os.utime(path, (time, time))
    if not failed:
        record(folder, "results/x.h5.sha256", b"{}", kind="incomplete")
    expected = "the job that makes results/x.h5.sha256 anew did not finish"
    assert mend_records(folder) == {"results/score.csv": expected}
    assert json.loads(scores.read_text()) == UNKNOWN
    assert mend_records(folder) == {}


def test_another_snakemake_at_work(folder: Path) -> None:
    path = record(folder, "results/table2.csv", SOUND[:5])
    (folder / "locks").mkdir()
    (folder / "locks/0.output.lock").touch()
    assert mend_records(folder) == {}
    assert path.read_bytes() == SOUND[:5]


def test_no_records_yet(folder: Path) -> None:
    assert mend_records(folder) == {}
