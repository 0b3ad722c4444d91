"""Damaged records of Snakemake are found, sound ones and those in the making are left alone."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from unseen.records import mend_records


def record(folder: Path, output: str, content: bytes) -> Path:
    """Write a record where Snakemake would: names of more than 254 characters are split."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[start : start + 254] for start in range(0, len(name), 254)]
    path = folder.joinpath("metadata", *("@" + part for part in parts[:-1]), parts[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


SOUND = json.dumps({"rule": "train", "input_checksums": {"a": "b"}}).encode()


@pytest.mark.parametrize("content", [SOUND[: len(SOUND) // 2], SOUND[:-1], b"", b"\0" * 40, b"7"])
@pytest.mark.parametrize("output", ["results/table2.csv", "results/" + 40 * "long/name/" + "x"])
def test_damaged_record(tmp_path: Path, content: bytes, output: str) -> None:
    damaged = record(tmp_path, output, content)
    sound = record(tmp_path, "results/sound.csv", SOUND)
    assert mend_records(tmp_path) == [output]
    assert not damaged.exists() and sound.read_bytes() == SOUND
    mark = tmp_path / "incomplete" / damaged.relative_to(tmp_path / "metadata")
    assert json.loads(mark.read_text()) == {"external_jobid": None}
    assert mend_records(tmp_path) == []


def test_record_in_the_making(tmp_path: Path) -> None:
    path = record(tmp_path, "results/table2.csv", SOUND[:5])
    mark = tmp_path / "incomplete" / path.name
    mark.parent.mkdir()
    mark.write_text("{}")
    assert mend_records(tmp_path) == []
    assert path.exists()


def test_no_records_yet(tmp_path: Path) -> None:
    assert mend_records(tmp_path) == []
