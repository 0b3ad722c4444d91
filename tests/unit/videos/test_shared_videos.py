"""The same video in training and test is found by its YouTube id and by its content."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from unseen.base.tabular import read_rows, write_rows
from unseen.videos.encoding import encode_frames
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import StoredClip, write_shard
from unseen.videos.shared_videos import compare_videos


@pytest.fixture
def compare(tmp_path):
    """Compare a training and a test set, each given as clip id to (source, digest)."""
    settings = ClipSettings(short_side=32, min_frames=1)
    frames = encode_frames(np.full((2, 32, 32, 3), 90, np.uint8), settings)

    def run(train, test):
        shards, sources = {}, {}
        for name, clips in (("train", train), ("test", test)):
            shards[name], sources[name] = [tmp_path / f"{name}.h5"], tmp_path / f"{name}.csv"
            outcomes = [
                StoredClip(clip, clip, digest, frames) for clip, (_, digest) in clips.items()
            ]
            told = json.loads(json.dumps(asdict(settings)))
            write_shard(shards[name][0], outcomes, settings=told, listed=len(outcomes))
            rows = [{"clip_id": clip, "source": source} for clip, (source, _) in clips.items()]
            write_rows(sources[name], ["clip_id", "source"], rows)
        output = tmp_path / "videos.csv"
        summary = compare_videos(shards, sources, train=["train"], tests=["test"], output=output)
        return summary, read_rows(output)

    return run


def test_a_shared_youtube_video_and_equal_content_are_found(compare):
    train = {
        "a_1": ("youtube:a", "1"),
        "b_1": ("youtube:b", "2"),
        "c": ("", "3"),
        "d": ("youtube:d", "4"),
        "e": ("", "5"),
    }
    test = {
        "x_1": ("youtube:a", "6"),
        "x_2": ("youtube:a", "7"),
        "y": ("", "3"),
        "z": ("youtube:d", "4"),
    }
    summary, rows = compare(train, test)
    assert [tuple(row.values())[1:] for row in rows] == [
        ("a_1", "youtube", "test", "x_1", "2"),
        ("c", "content", "test", "y", "1"),
        ("d", "youtube and content", "test", "z", "1"),
    ]
    assert summary.startswith("3 training clips") and "2 by youtube, 2 by content" in summary


def test_names_that_mean_something_within_one_set_alone_are_not_compared(compare):
    """Group 3 of one class has nothing to do with a film of that name in another data set."""
    assert compare({"a": ("g03", "1")}, {"b": ("g03", "2")})[1] == []
