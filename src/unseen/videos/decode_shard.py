"""A manifest's shard of videos to a shard of the clip store, several ffmpeg processes at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from unseen.base.files import file_digest
from unseen.base.names import locate
from unseen.base.progress import progress
from unseen.base.threads import map_ahead
from unseen.videos.encoding import check_encoder
from unseen.videos.manifest import ManifestRow, read_manifest
from unseen.videos.probing import VideoError
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import RejectedClip, StoredClip, write_shard
from unseen.videos.transcoding import transcode


def decode_shard(
    manifest: Path, root: Path, output: Path, settings: ClipSettings, workers: int
) -> None:
    """Decode the clips that a manifest lists below `root` into the shard `output`.

    `workers` ffmpeg processes run at a time; the shard's bytes do not depend on their number.
    Every listed clip ends in the shard, stored or rejected with a reason. The time that ffmpeg is
    given is no part of what the shard says of itself.
    """
    rows = read_manifest(manifest)
    if rows:
        check_encoder(settings)
    lasting = {key: value for key, value in asdict(settings).items() if key != "timeout_s"}
    digests = _SourceDigests(Path(root))
    decode = partial(_decode, root=Path(root), settings=settings, digests=digests)
    with ThreadPoolExecutor(workers) as pool:
        outcomes = map_ahead(pool, decode, rows, ahead=2 * workers)
        shown = progress(outcomes, total=len(rows), desc=f"decoding {manifest}", unit="clip")
        write_shard(output, shown, settings=lasting, listed=len(rows))


class _SourceDigests:
    """SHA-256 of sources below `root`, computed once for all segments of a file.

    Raises VideoError for a file that has gone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, str] = {}
        self.lock = threading.Lock()

    def __call__(self, path: str) -> str:
        with self.lock:
            if path not in self.known:
                try:
                    self.known[path] = file_digest(locate(self.root, path))
                except OSError as error:
                    raise VideoError(f"the file cannot be read: {error.strerror}") from error
            return self.known[path]


def _decode(
    row: ManifestRow, *, root: Path, settings: ClipSettings, digests: _SourceDigests
) -> StoredClip | RejectedClip:
    try:
        clip = transcode(
            locate(root, row.path), start_s=row.start_s, end_s=row.end_s, settings=settings
        )
        return StoredClip(row.clip_id, row.path, digests(row.path), clip)
    except VideoError as error:
        return RejectedClip(row.clip_id, row.path, str(error))
