"""What a clip was cut from, as far as a layout's names and annotations tell it."""

import json
from pathlib import Path

import pytest

from unseen.base.tabular import read_rows
from unseen.datasets import LayoutOptions, list_clips, read_listing

KINETICS = "label,youtube_id,time_start,time_end,split\n"


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def sources(layout: str, root: Path, **options: object) -> dict[str, str | None]:
    listing = read_listing("some-set", layout, root, LayoutOptions(**options))
    return {clip.clip_id: clip.source for clip in listing.clips}


def test_ucf101_clips_of_a_group_are_of_one_source(tmp_path):
    names = ("v_Archery_g01_c01", "v_Archery_g01_c02", "v_Archery_g02_c01", "v_YoYo_g01_c01")
    touch(tmp_path, *(f"{name.split('_')[1]}/{name}.avi" for name in names), "YoYo/own.avi")
    assert sources("ucf101", tmp_path) == {
        "v_Archery_g01_c01": "v_Archery_g01",
        "v_Archery_g01_c02": "v_Archery_g01",
        "v_Archery_g02_c01": "v_Archery_g02",
        "v_YoYo_g01_c01": "v_YoYo_g01",
        "own": None,
    }


@pytest.mark.parametrize(
    ("class_name", "stem", "film"),
    [
        ("brush_hair", "April_09_brush_hair_u_nm_np1_ba_goo_0", "April_09"),
        ("catch", "96-_Torwarttraining_1_catch_f_cm_np1_le_bad_0", "96-_Torwarttraining_1"),
        ("wave", "21_wave_u_nm_np1_fr_goo_5", "21"),
        ("shoot_ball", "FREE_THROWS_shoot_ball_f_nm_np1_fr_med_12", "FREE_THROWS"),
        # Some files name no class: all before the attributes is the film's name.
        ("sword", "AHF_longsword_fight_f_cm_np2_ri_bad_0", "AHF_longsword_fight"),
        ("sword", "my own recording", None),
    ],
)
def test_hmdb51_clips_of_a_film_are_of_one_source(tmp_path, class_name, stem, film):
    touch(tmp_path, f"{class_name}/{stem}.avi")
    assert list(sources("hmdb51", tmp_path).values()) == [film]


def test_kinetics_and_activitynet_name_a_youtube_video_alike(tmp_path):
    identifier = "a_-Bcdefg12"
    csv = tmp_path / "kinetics.csv"
    csv.write_text(f"{KINETICS}archery,{identifier},3,13,train\narchery,other,0,10,train\n")
    touch(tmp_path / "k", f"archery/{identifier}_000003_000013.mp4", "archery/other.mp4")
    found = sources("kinetics", tmp_path / "k", annotations=csv, trimmed=True)
    assert found[f"{identifier}_000003_000013"] == f"youtube:{identifier}"
    video = {"subset": "training", "annotations": [{"label": "Archery", "segment": [1, 2]}]}
    annotations = tmp_path / "activitynet.json"
    annotations.write_text(json.dumps({"database": {identifier: video}}))
    touch(tmp_path / "a", f"v_{identifier}.mp4")
    found = sources("activitynet", tmp_path / "a", annotations=annotations)
    assert set(found.values()) == {f"youtube:{identifier}"}


def test_the_stage_writes_the_known_sources_apart_from_the_manifests(tmp_path):
    root = touch(tmp_path / "root", "A/v_A_g01_c01.avi", "A/own.avi")
    list_clips(
        "some-set",
        "ucf101",
        root,
        LayoutOptions(),
        shards=1,
        manifests=tmp_path / "manifests",
        labels=tmp_path / "labels.csv",
        missing=tmp_path / "missing.csv",
        class_names=tmp_path / "names.txt",
        source_videos=tmp_path / "sources.csv",
    )
    assert read_rows(tmp_path / "sources.csv") == [{"clip_id": "v_A_g01_c01", "source": "v_A_g01"}]
    assert (tmp_path / "sources.csv.sha256").is_file()
    assert "source" not in read_rows(tmp_path / "manifests/000.csv")[0]
