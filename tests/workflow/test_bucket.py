"""Results in a bucket of a real S3 server: two folders that share nothing else."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import pytest
import yaml
from test_faults import wait_until
from tiny_workflow import REPOSITORY, TABLE, TINY, Workspace, elsewhere, put, quiet, rules

boto3 = pytest.importorskip("boto3")
server = pytest.importorskip("moto.server")
pytest.importorskip("snakemake_storage_plugin_s3")

pytestmark = pytest.mark.long

REPORT = "results/report.html"
PREFIX = "s3://bucket/unseen"
KEY = "SNAKEMAKE_STORAGE_S3_"


class BucketWorkspace(Workspace):
    """A work folder whose results lie in the bucket."""

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        storage = ["--default-storage-provider", "s3", "--default-storage-prefix", PREFIX]
        return super().command(*arguments, *storage, "--shared-fs-usage", "none", cores=cores)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A server with an empty bucket."""
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    address = f"http://{host}:{port}"
    urlopen(Request(f"{address}/moto-api/reset", method="POST")).close()
    try:
        yield address
    finally:
        running.stop()


@pytest.fixture
def client(endpoint: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="unseen",
        aws_secret_access_key="unseen",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="bucket")
    return client


@pytest.fixture
def folder(
    finished: Workspace, tmp_path: Path, endpoint: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Workspace]:
    """Work folders of their own, with the word vectors alone."""
    access = {f"{KEY}ENDPOINT_URL": endpoint}
    access |= {f"{KEY}ACCESS_KEY": "unseen", f"{KEY}SECRET_KEY": "unseen"}
    for name, value in access.items():
        monkeypatch.setenv(name, value)

    def make(name: str) -> Workspace:
        shutil.copytree(TINY.parent, tmp_path / name / "tests/config")
        base = elsewhere(finished, tmp_path / name)
        return BucketWorkspace(base.repository, base.folder, base.config, access)

    return make


def content(client: Any, name: str) -> bytes:
    key = f"{urlparse(PREFIX).path[1:]}/{name}"
    return client.get_object(Bucket="bucket", Key=key)["Body"].read()


def test_another_folder_goes_on_from_the_bucket(
    folder: Callable[[str], Workspace], finished: Workspace, client: Any
) -> None:
    first = folder("first")
    first.run(REPORT)
    assert content(client, TABLE) == finished.table()
    assert b"<html" in content(client, REPORT)

    second = folder("second")
    assert second.run("--dry-run", REPORT) == []
    assert not (second.folder / "results").exists()

    put(second.config, "overlap.threshold", 0.051)
    assert rules(second.run(TABLE)) == {"prune_classes", "trace_pretraining", "settle"}
    put(second.config, "testing.snippets", 3)
    made = rules(second.run(TABLE))
    assert made == {"embed_videos", "score_videos", "make_table"}
    assert content(client, TABLE) != finished.table()

    assert first.run("--dry-run", REPORT) != []
    first.config = second.config
    assert first.run("--dry-run", TABLE) == []


def test_a_killed_training_goes_on_in_another_folder(
    folder: Callable[[str], Workspace], finished: Workspace, client: Any, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    first, second = folder("first"), folder("second")
    for workspace in (first, second):
        workspace.config["training"] |= {"checkpoint_minutes": 0, "checkpoint_folder": str(kept)}
    with (tmp_path / "log").open("w") as log:  # too much for a pipe that nobody reads
        process = subprocess.Popen(
            first.command(TABLE),
            cwd=first.folder,
            env=os.environ | quiet(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    wait_until(lambda: process.poll() or any(kept.glob("demo-e2e/checkpoint-*")), seconds=500)
    assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    refused = second.call(TABLE)
    assert refused.returncode != 0
    assert f"{PREFIX}/ is in use by " in refused.stdout
    second.run("--unlock")
    done = second.call(TABLE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "going on from" in done.stdout
    assert "rule decode_clips" not in done.stdout
    assert content(client, TABLE) == finished.table()
    assert second.run("--dry-run", TABLE) == []


def test_a_bucket_that_is_not_there_is_said(
    folder: Callable[[str], Workspace], client: Any
) -> None:
    client.delete_bucket(Bucket="bucket")
    refused = folder("first").call(TABLE)
    assert refused.returncode == 1
    assert "error: s3://bucket cannot be read: " in refused.stdout
    assert "Traceback" not in refused.stdout


@pytest.mark.parametrize(
    ("name", "plugin", "options"),
    [
        ("kubernetes", "kubernetes", ["--kubernetes-persistent-volumes", "data:/data"]),
        (
            "aws-batch",
            "aws_batch",
            [
                *("--aws-batch-region", "eu-central-1", "--aws-batch-job-queue", "queue"),
                *("--aws-batch-job-role", "role"),
            ],
        ),
    ],
)
def test_a_profile_of_a_cloud_is_understood(
    folder: Callable[[str], Workspace], name: str, plugin: str, options: list[str]
) -> None:
    """In a dry-run: no such cluster is at hand."""
    pytest.importorskip(f"snakemake_executor_plugin_{plugin}")
    workspace = folder("first")
    profile = str(workspace.repository / "profiles" / name)
    jobs = workspace.run("--profile", profile, "--container-image", "unseen", *options, "-n", TABLE)
    assert {"list_clips", "settle"} <= rules(jobs)  # those in groups show otherwise


@pytest.mark.parametrize("name", ["kubernetes", "aws-batch", "slurm"])
def test_a_profile_names_rules_that_there_are(name: str) -> None:
    profile = yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text())
    named = {*profile["groups"], *profile.get("set-resources", {})} - {"embed_videos_0"}
    text = "".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    assert named <= set(re.findall(r"^(?:use )?rule .*?(\w+)(?: with)?:$", text, re.M))
