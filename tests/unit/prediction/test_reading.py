"""Damaged videos: snippets are read where they lie, or all is decoded, or the file is refused."""

from pathlib import Path

import pytest
from fuzzing import TRIES, assert_survives
from videos import write_video

from unseen.prediction.reading import Reading, Unreadable, read_videos, read_whole
from unseen.videos.probing import VideoError

READING = Reading(snippets=3, pictures=1, workers=1)
INPUT = {"short_side": 32, "frames": 4}


def read(path: Path) -> list[tuple[int, ...]]:
    """The shapes of all snippets, as the classifier takes them."""
    pieces = list(read_videos([path], READING, INPUT))
    failed = [one for one in pieces if isinstance(one, Unreadable)]
    if failed:
        raise VideoError(failed[0].reason)
    if any(one.frames is None for one in pieces):
        pieces = list(read_whole(path, READING, INPUT))
    return [one.frames[one.rows].shape for one in pieces if one.rows.size]


def are_snippets(shapes: list[tuple[int, ...]]) -> None:
    assert sum(shape[0] for shape in shapes) == 3 + READING.pictures
    assert all(min(shape) > 0 for shape in shapes)


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("kind", ["h264", "vp9", "mpeg4_b", "h264_ts"])
def test_a_damaged_video_is_read_or_refused(tmp_path, kind, tries):
    valid = write_video(tmp_path / "made", kind=kind, frames=24, size=(48, 32))
    path = tmp_path / "videos" / f"video{valid.suffix}"
    path.parent.mkdir()
    assert_survives(
        read,
        valid.read_bytes(),
        path,
        tries=tries,
        check=are_snippets,
        refusals=VideoError,
        named="",
    )
