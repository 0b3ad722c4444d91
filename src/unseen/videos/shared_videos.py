"""Training clips whose source is in a test set too: the same YouTube video, or the same content."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from unseen.base.tabular import read_rows, write_rows
from unseen.videos.clip_store import ClipStore

COLUMNS = ("dataset", "clip_id", "shared", "test_dataset", "test_clip", "test_clips")
COMMON = "youtube:"
"""How names of sources begin that mean the same in every data set; others are names within one."""


class Source(NamedTuple):
    """What a clip has in common with another: `youtube` and the id, or `content` and the digest."""

    kind: str
    value: str


def compare_videos(
    shards: Mapping[str, Sequence[Path]],
    sources: Mapping[str, Path],
    *,
    train: Sequence[str],
    tests: Sequence[str],
    output: Path,
) -> str:
    """Write a row for each training clip whose source is in a test set; returns a summary.

    Args:
        shards: The clip stores of all data sets, by name.
        sources: CSVs `clip_id,source` of what their clips were cut from.
        train: The training sets.
        tests: The test sets.
        output: `COLUMNS`: what is `shared`, the first such clip of a test set, and how many
            `test_clips` there are in all.
    """
    known: dict[Source, list[tuple[str, str]]] = {}
    for dataset in tests:
        for clip, found in _clips(shards[dataset], sources[dataset]):
            for source in found:
                known.setdefault(source, []).append((dataset, clip))
    rows = []
    for dataset in train:
        for clip, found in _clips(shards[dataset], sources[dataset]):
            shared = [source for source in found if source in known]
            if shared:
                same = dict.fromkeys(other for source in shared for other in known[source])
                test_dataset, test_clip = next(iter(same))
                what = " and ".join(source.kind for source in shared)
                cells = (dataset, clip, what, test_dataset, test_clip, str(len(same)))
                rows.append(dict(zip(COLUMNS, cells, strict=True)))
    write_rows(output, COLUMNS, rows)
    kinds = ("youtube", "content")
    counts = (f"{sum(kind in row['shared'] for row in rows)} by {kind}" for kind in kinds)
    return f"{len(rows)} training clips share their source with a test set: {', '.join(counts)}"


def _clips(shards: Sequence[Path], sources: Path) -> Iterator[tuple[str, list[Source]]]:
    """Each stored clip with what its source is known by."""
    rows = read_rows(sources, ["clip_id", "source"])
    named = {row["clip_id"]: row["source"] for row in rows if row["source"].startswith(COMMON)}
    store = ClipStore(shards)
    for clip, digest in zip(store.clip_ids, store.source_digests, strict=True):
        name = named.get(clip) or named.get(clip.rpartition("#")[0])
        video = [Source("youtube", name)] if name else []
        yield clip, [*video, Source("content", digest)]
