"""The `synthesize` stage: photographs to a clip store of Ken Burns clips.

Clips are stored like those of videos rather than rendered while training: to open a photograph and
resample 16 crops takes far longer than to decode a stored clip (benchmarks/read_snippets.py), and
a stored clip comes through the same loader.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from unseen.base.errors import UserError
from unseen.base.files import file_digest
from unseen.base.names import locate
from unseen.base.progress import progress
from unseen.videos.encoding import check_encoder, encode_frames
from unseen.videos.kenburns import PhotographError, open_photograph, render
from unseen.videos.manifest import ManifestRow, read_manifest
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import RejectedClip, StoredClip, write_shard


def synthesize_shard(
    manifest: Path,
    root: Path,
    output: Path,
    *,
    frames: int,
    size: int,
    clips_per_photo: int,
    seed: int,
    settings: ClipSettings,
    crops: str = "place_first",
) -> None:
    """Write the shard `output` with clips of the photographs that a manifest lists below `root`.

    Every photograph gives `clips_per_photo` clips of `frames` frames of `size` x `size` pixels,
    named `<clip_id>#0` and so on; each depends on (seed, clip_id, its number) alone, its crops
    drawn as `crops` says (`kenburns.CROPS`). One that
    cannot be read gives as many rejected clips with the reason. Of `settings` the codec, the GOP
    and the quality matter here, and only they are part of the shard.

    Raises UserError for a `size` that is odd, which I420 cannot hold.
    """
    if size % 2:
        raise UserError(f"clips of photographs need an even size; {size} is odd")
    rows = read_manifest(manifest)
    if rows:
        check_encoder(settings)
    synthesize = partial(
        synthesize_clips,
        root=Path(root),
        frames=frames,
        size=size,
        clips_per_photo=clips_per_photo,
        seed=seed,
        settings=settings,
        crops=crops,
    )
    shown = progress(rows, desc=f"synthesizing {manifest}", unit="photo")
    write_shard(
        output,
        (clip for row in shown for clip in synthesize(row)),
        settings={
            "codec": settings.codec,
            "gop": settings.gop,
            "quality": settings.quality,
            "frames": frames,
            "size": size,
            "clips_per_photo": clips_per_photo,
            "seed": seed,
            "crops": crops,
        },
        listed=len(rows) * clips_per_photo,
    )


def synthesize_clips(
    row: ManifestRow,
    *,
    root: Path,
    frames: int,
    size: int,
    clips_per_photo: int,
    seed: int,
    settings: ClipSettings,
    crops: str = "place_first",
) -> Iterator[StoredClip | RejectedClip]:
    """The clips of one photograph, or as many rejected ones."""
    names = [f"{row.clip_id}#{index}" for index in range(clips_per_photo)]
    try:
        photo = open_photograph(locate(root, row.path), size)
        digest = file_digest(locate(root, row.path))
    except PhotographError as error:
        yield from (RejectedClip(name, row.path, str(error)) for name in names)
        return
    for index, name in enumerate(names):
        rng = photograph_rng(seed, row.clip_id, index)
        pictures = render(photo, frames=frames, size=size, rng=rng, crops=crops)
        clip = encode_frames(pictures, settings)
        yield StoredClip(name, row.path, digest, clip)


def photograph_rng(seed: int, clip_id: str, index: int) -> np.random.Generator:
    """The generator of one clip's crops."""
    identity = int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:8])
    return np.random.default_rng([seed, identity, index])
