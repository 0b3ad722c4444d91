"""Snakemake's records of finished jobs: behind a damaged one a stale result could hide."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path


def mend_records(folder: Path) -> list[str]:
    """Mark every output whose record cannot be read as incomplete, so that its job runs again.

    Snakemake ignores such a record, and with it the reasons to rerun a job. They come from a crash
    of the machine. A record beside a mark of incompleteness is left alone: either its job is just
    finishing under another Snakemake, or it runs again in any case.

    Args:
        folder: Snakemake's own, `.snakemake`.

    Returns:
        The outputs, sorted.
    """
    mended = []
    records = folder / "metadata"
    for path in filter(Path.is_file, records.rglob("*")):
        if _is_damaged(path):
            name = path.relative_to(records)
            mark = folder / "incomplete" / name
            if mark.exists():
                continue
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(json.dumps({"external_jobid": None}))
            path.unlink()
            mended.append(_output_of(name))
    return sorted(mended)


def _is_damaged(path: Path) -> bool:
    try:
        return not isinstance(json.loads(path.read_bytes()), dict)
    except FileNotFoundError:
        return False
    except ValueError:
        return True


def _output_of(name: Path) -> str:
    """The output that a record is about; its file's name is that in Base64, long ones in parts."""
    return urlsafe_b64decode("".join(part.lstrip("@") for part in name.parts)).decode()
