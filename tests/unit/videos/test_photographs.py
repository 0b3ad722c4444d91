"""The synthesize stage: a shard of Ken Burns clips that depends on nothing but its inputs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from repository import SCRIPTS

from unseen.base.errors import UserError
from unseen.videos import kenburns, photographs
from unseen.videos.clip_store import ClipStore
from unseen.videos.colour import i420_to_rgb
from unseen.videos.settings import ClipSettings

SCRIPT = SCRIPTS / "synthesize_clips.py"
SETTINGS = {"frames": 5, "size": 112, "clips_per_photo": 2, "seed": 0, "settings": ClipSettings()}


@pytest.fixture
def photos(tmp_path):
    """A folder with a wide photograph, a grey one in a folder with a space, and a broken one."""
    root = tmp_path / "photos"
    (root / "a b").mkdir(parents=True)
    ramp = np.linspace(0, 255, 300 * 200 * 3).reshape(200, 300, 3).astype(np.uint8)
    Image.fromarray(ramp).save(root / "wide.jpg")
    Image.new("L", (50, 60), 200).save(root / "a b" / "grey.png")
    (root / "broken.jpg").write_bytes((root / "wide.jpg").read_bytes()[:900])
    write_manifest(tmp_path / "000.csv", ["wide.jpg", "a b/grey.png", "broken.jpg"])
    return root


def write_manifest(path: Path, names: list[str]) -> None:
    rows = [f"{name},{name},,,0" for name in names]
    path.write_text("\n".join(["clip_id,path,start_s,end_s,fingerprint", *rows, ""]))


def synthesize(tmp_path, photos, name="000", **changes) -> ClipStore:
    manifest, output = tmp_path / f"{name}.csv", tmp_path / "clips" / f"{name}.h5"
    photographs.synthesize_shard(manifest, photos, output, **SETTINGS | changes)
    return ClipStore([output])


def test_every_photograph_gives_its_clips_or_a_reason(tmp_path, photos):
    store = synthesize(tmp_path, photos)
    assert store.clip_ids == ["a b/grey.png#0", "a b/grey.png#1", "wide.jpg#0", "wide.jpg#1"]
    assert store.n_frames.tolist() == [5] * 4
    assert store.sizes.tolist() == [[112, 112]] * 4
    assert [clip for clip, _, _ in store.rejected] == ["broken.jpg#0", "broken.jpg#1"]
    assert all("truncated" in reason for _, _, reason in store.rejected)


def test_a_stored_clip_shows_the_rendered_frames(tmp_path, photos):
    store = synthesize(tmp_path, photos)
    rng = photographs.photograph_rng(0, "wide.jpg", 1)
    rendered = kenburns.render(photos / "wide.jpg", frames=5, size=112, rng=rng)
    stored = i420_to_rgb(torch.from_numpy(store.read_all(3))) * 255
    error = np.abs(stored.permute(0, 2, 3, 1).numpy() - rendered).mean()
    assert error < 4


def test_the_same_inputs_give_the_same_bytes(tmp_path, photos):
    shard = tmp_path / "clips" / "000.h5"
    contents = []
    for seed in (0, 0, 1):
        synthesize(tmp_path, photos, seed=seed)
        contents.append(shard.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_settings_of_videos_change_nothing(tmp_path, photos):
    shard = tmp_path / "clips" / "000.h5"
    contents = []
    for encoding in (ClipSettings(), ClipSettings(short_side=64, timeout_s=1), ClipSettings(gop=4)):
        synthesize(tmp_path, photos, settings=encoding)
        contents.append(shard.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_a_clip_does_not_depend_on_the_others(tmp_path, photos):
    write_manifest(tmp_path / "001.csv", ["wide.jpg"])
    together = synthesize(tmp_path, photos)
    alone = synthesize(tmp_path, photos, name="001", clips_per_photo=1)
    assert (together.read_all(2) == alone.read_all(0)).all()
    assert (together.read_all(2) != together.read_all(3)).any()


def test_no_photographs_give_an_empty_shard(tmp_path, photos):
    write_manifest(tmp_path / "002.csv", [])
    assert len(synthesize(tmp_path, photos, name="002")) == 0


def test_an_odd_size_is_a_message(tmp_path, photos):
    with pytest.raises(UserError, match="113 is odd"):
        synthesize(tmp_path, photos, size=113)


def test_the_script_writes_the_same_shard(tmp_path, photos):
    synthesize(tmp_path, photos)
    command = [sys.executable, SCRIPT, "--manifest", tmp_path / "000.csv", "--root", photos]
    command += ["--output", tmp_path / "script.h5", "--frames", "5", "--size", "112"]
    command += ["--clips-per-photo", "2", "--seed", "0"]
    command += ["--settings", json.dumps({"codec": "mpeg4", "short_side": 128})]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "script.h5").read_bytes() == (tmp_path / "clips" / "000.h5").read_bytes()
