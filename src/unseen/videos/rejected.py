"""The clips of a data set that could not be stored, gathered from its shards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.base.names import say
from unseen.base.tabular import write_rows
from unseen.videos.clip_store import ClipStore
from unseen.videos.shard_format import REJECTED_COLUMNS


def merge_rejected(
    shards: Sequence[Path],
    output_csv: Path,
    limit_percent: float,
    dataset: str,
    source_digest: Path | None = None,
) -> None:
    """Gather the shards' rejected clips in `rejected/{dataset}.csv`, sorted by clip id.

    `source_digest` receives the digest of the data set's sources (`ClipStore.source_digest`).

    Raises UserError when more than `limit_percent` of the listed clips are rejected, after each
    with its reason is printed.
    """
    store = ClipStore(shards)
    rejected = store.rejected
    listed = len(store) + len(rejected)
    rows = [dict(zip(REJECTED_COLUMNS, clip, strict=True)) for clip in sorted(rejected)]
    write_rows(output_csv, REJECTED_COLUMNS, rows)
    print(f"{dataset}: {listed} listed, {listed - len(rejected)} stored, {len(rejected)} rejected")
    if source_digest:
        with atomic(source_digest) as temporary:
            temporary.write_text(store.source_digest + "\n")
    for clip_id, _, reason in sorted(rejected):
        say(f"rejected {clip_id}: {reason}")
    _check(rejected, listed, limit_percent, dataset)


def check_rejected(shards: Mapping[str, Sequence[Path]], limit_percent: float) -> None:
    """Raise UserError when more than `limit_percent` of a data set's listed clips are rejected:
    what reads clips asks before it begins."""
    for dataset, paths in shards.items():
        store = ClipStore(paths)
        rejected = store.rejected
        _check(rejected, len(store) + len(rejected), limit_percent, dataset)


def _check(
    rejected: list[tuple[str, ...]], listed: int, limit_percent: float, dataset: str
) -> None:
    if len(rejected) * 100 <= limit_percent * listed:
        return
    reason, count = Counter(reason for _, _, reason in rejected).most_common(1)[0]
    raise UserError(
        f"{dataset}: {len(rejected)} of {listed} clips are unusable, more than the allowed "
        f"{limit_percent:g}%; {count} because: {reason}. "
        f"Mend the files, or raise the limit in the configuration"
    )
