"""A manifest's shard: the clips that are to be stored."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows

MANIFEST_COLUMNS = ("clip_id", "path", "start_s", "end_s", "fingerprint")


@dataclass(frozen=True)
class ManifestRow:
    """One listed clip: a whole file, or the part of it from `start_s` to `end_s`."""

    clip_id: str
    path: str
    start_s: float | None
    end_s: float | None


def read_manifest(manifest: Path) -> list[ManifestRow]:
    """Rows of a manifest's shard, sorted by clip id. Raises UserError for a faulty row."""
    rows = [
        _manifest_row(row, f"{manifest}, row {number}")
        for number, row in enumerate(read_rows(manifest, MANIFEST_COLUMNS), start=2)
    ]
    repeated = [clip for clip, count in Counter(row.clip_id for row in rows).items() if count > 1]
    if repeated:
        raise UserError(f"{manifest}: clip id {repeated[0]!r} is listed more than once")
    return sorted(rows, key=lambda row: row.clip_id)


def _manifest_row(row: Mapping[str, str], where: str) -> ManifestRow:
    try:
        start_s, end_s = (float(row[key]) if row[key] else None for key in ("start_s", "end_s"))
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: start_s and end_s must be seconds or empty") from error
    return ManifestRow(row["clip_id"], row["path"], start_s, end_s)
