"""Results in a bucket (S3 as default storage): Snakemake's records and locks lie beside them.

What reruns is decided by records that Snakemake keeps in the folder it was started in, and of a
file in a storage it compares the time alone. Here the records go along, so that a start in any
folder decides alike, and contents are compared by their ETags. Where Snakemake has no door for that
its own classes are changed; the test with a real server holds it to that.
"""

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from unseen.base.errors import UserError
from unseen.plan.records import mend_records, output_of, say_what_is_lost, say_what_is_made_anew

STATE = ".snakemake"
RECORDS, MARKS, LOCKS = (f"{STATE}/{kind}" for kind in ("metadata", "incomplete", "locks"))
REQUESTS = 16
"""At the same time: a listing into thousands of shards has as many records."""


@dataclass(frozen=True)
class Bucket:
    """The part of a bucket below a prefix; names are relative to that."""

    client: Any
    name: str
    prefix: str
    etags: dict[str, str] = field(default_factory=dict)
    """Of files of the workflow that no running job is writing."""

    def query(self, name: str) -> str:
        """A file as Snakemake names it."""
        return f"s3://{self.name}/{self.prefix}{name}"

    def listing(self, below: str = "") -> dict[str, dict[str, Any]]:
        """What lies there: `ETag` and `LastModified` by name. Raises UserError without access."""
        from botocore.exceptions import BotoCoreError, ClientError

        pages = self.client.get_paginator("list_objects_v2")
        try:
            return {
                one["Key"].removeprefix(self.prefix): one
                for page in pages.paginate(Bucket=self.name, Prefix=self.prefix + below)
                for one in page.get("Contents", ())
            }
        except (BotoCoreError, ClientError) as error:
            raise UserError(
                f"s3://{self.name} cannot be read: {error}; make the bucket first, and see to its "
                f"endpoint, region and keys (--storage-s3-… or SNAKEMAKE_STORAGE_S3_…)"
            ) from error

    def read(self, name: str) -> bytes:
        """A small file."""
        answer = self.client.get_object(Bucket=self.name, Key=self.prefix + name)
        return bytes(answer["Body"].read())

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        self.client.put_object(Bucket=self.name, Key=self.prefix + name, Body=content)

    def remove(self, name: str) -> None:
        """Remove a file, there or not."""
        self.client.delete_object(Bucket=self.name, Key=self.prefix + name)

    def checksum(self, query: str) -> str | None:
        """The ETag of a file; None for a folder and for what is not there."""
        from botocore.exceptions import ClientError

        if query not in self.etags:
            key = query.removeprefix(f"s3://{self.name}/")
            try:
                found = self.client.head_object(Bucket=self.name, Key=key)
            except ClientError:
                return None
            self.etags[query] = found["ETag"]
        return "etag:" + self.etags[query].strip('"')


def take_up_records(workflow: Any, folder: Path = Path()) -> None:
    """Mend the records of a working directory before Snakemake looks at them; with S3 as default
    storage they are those of the bucket, and Snakemake will keep them there.

    Of another storage than S3 they stay where they are. Only the main process looks at records.

    Args:
        workflow: Snakemake's.
        folder: The working directory.

    Raises:
        UserError: For a bucket that cannot be read.
    """
    storage = workflow.storage_settings.default_storage_provider
    if not workflow.is_main_process:
        return
    if storage == "s3":
        _share_records(workflow, folder)
    elif storage is None:
        say_what_is_lost(folder)


def _share_records(workflow: Any, folder: Path) -> None:
    provider = workflow.storage_registry.default_storage_provider
    place = urlparse(workflow.storage_settings.default_storage_prefix)
    prefix = place.path.strip("/")
    bucket = Bucket(provider.s3c.meta.client, place.netloc, f"{prefix}/" if prefix else "")
    there = bucket.listing()
    fetch_records(bucket, there, folder)
    files = [name for name in there if not name.startswith(f"{STATE}/")]
    bucket.etags.update({bucket.query(name): there[name]["ETag"] for name in files})
    paths = map(PurePosixPath, files)
    known = {bucket.query(str(part)) for path in paths for part in (path, *path.parents)}
    mended = mend_records(folder / STATE, lambda output: "://" not in output or output in known)
    say_what_is_made_anew(mended)
    _change_snakemake(bucket, provider)


def fetch_records(bucket: Bucket, there: dict[str, dict[str, Any]], folder: Path) -> None:
    """Make the records of a working directory those of the bucket.

    Their times are kept: they tell which job was at work last.
    """
    for kind in (RECORDS, MARKS):
        for path in [path for path in (folder / kind).rglob("*") if path.is_file()]:
            output = output_of(path.relative_to(folder / kind))
            if output.startswith(bucket.query("")) and str(path.relative_to(folder)) not in there:
                path.unlink()

    def fetch(name: str) -> None:
        path, found = folder / name, there[name]
        digest = md5(path.read_bytes(), usedforsecurity=False) if path.is_file() else None
        if digest is None or digest.hexdigest() != found["ETag"].strip('"'):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bucket.read(name))
        os.utime(path, (found["LastModified"].timestamp(),) * 2)

    with ThreadPoolExecutor(REQUESTS) as pool:
        list(pool.map(fetch, [name for name in there if name.startswith((RECORDS, MARKS))]))


def _change_snakemake(bucket: Bucket, provider: Any) -> None:
    """Records and locks go to the bucket, and its files count by content instead of by time."""
    import snakemake.workflow
    from snakemake.exceptions import LockException
    from snakemake.io import _IOFile
    from snakemake.persistence.file import FilePersistence

    own = f"{LOCKS}/{socket.gethostname()}-{os.getpid()}"

    class SharedPersistence(FilePersistence):  # type: ignore[misc]
        """Snakemake's records and locks, with a copy in the bucket."""

        def started(self, job: Any, external_jobid: str | None = None) -> None:
            super().started(job, external_jobid)
            self._share(job.output, MARKS)

        async def finished(self, job: Any) -> None:
            await super().finished(job)
            self._share(job.output, RECORDS)
            self._share(job.output, MARKS)

        def cleanup_metadata(self, target: Any) -> bool:
            found = super().cleanup_metadata(target)
            self._share([target], RECORDS)
            self._share([target], MARKS)
            return bool(found)

        def _share(self, outputs: Iterable[Any], kind: str) -> None:
            """Make the bucket's records of some outputs those of here."""

            def share(key: str) -> None:
                path = Path(self._record_path(self.path.parent / kind, key))
                name = str(path.relative_to(self.path.parent))
                bucket.etags.pop(key, None)
                if path.is_file():
                    bucket.write(name, path.read_bytes())
                else:
                    bucket.remove(name)

            with ThreadPoolExecutor(REQUESTS) as pool:
                list(pool.map(share, map(self._get_key, outputs)))

        @contextmanager
        def lock(self) -> Iterator[None]:
            try:
                with super().lock():
                    yield
            except LockException:
                others = ", ".join(name.removeprefix(f"{LOCKS}/") for name in self._others())
                if others:
                    print(f"{bucket.query('')} is in use by {others}", file=sys.stderr)
                raise

        def _others(self) -> list[str]:
            return [name for name in bucket.listing(f"{LOCKS}/") if not name.startswith(f"{own}.")]

        def _read_locks(self) -> Iterator[tuple[str, str]]:
            yield from super()._read_locks()
            yield from self._locks_of_others()

        def _locks_of_others(self) -> Iterator[tuple[str, str]]:
            for name in self._others():
                for key in bucket.read(name).decode().splitlines():
                    yield name.rpartition(".")[2], key

        def _write_locks(self, lock_type: str, keys: Iterable[str]) -> None:
            keys = set(keys)
            super()._write_locks(lock_type, keys)
            bucket.write(f"{own}.{lock_type}", "\n".join(keys).encode())
            # Two that start at once see each other's here, and both stop.
            if any(
                "output" in (lock_type, kind) and key in keys
                for kind, key in self._locks_of_others()
            ):
                raise LockException()

        def _delete_locks(self) -> None:
            super()._delete_locks()
            for lock_type in ("input", "output"):
                bucket.remove(f"{own}.{lock_type}")

        def cleanup_locks(self) -> None:
            for name in self._others():
                bucket.remove(name)
            super().cleanup_locks()

    snakemake.workflow.FilePersistence = SharedPersistence

    def checksum(self: Any) -> str | None:
        """By the ETag, which is in the bucket already."""
        return bucket.checksum(self.query)

    provider.get_storage_object_cls().checksum = checksum
    of_local_files = _IOFile.is_checksum_eligible

    async def is_checksum_eligible(self: Any, threshold: int) -> bool:
        """Whatever has an ETag; Snakemake itself asks for a local copy."""
        if self.is_storage and await self.storage_object.managed_checksum() is not None:
            return True
        return bool(await of_local_files(self, threshold))

    _IOFile.is_checksum_eligible = is_checksum_eligible
