"""Readers of the published layouts: every clip listed once, under a stable id, with its class."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
from fuzzing import TRIES, assert_survives
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from repository import SCRIPTS, SOURCE
from videos import write_video

from unseen.base.errors import UserError
from unseen.base.names import locate
from unseen.base.tabular import read_rows
from unseen.datasets import (
    LayoutOptions,
    Listing,
    list_clips,
    listing_digest,
    media,
    read_listing,
    shard_of,
)
from unseen.datasets.files import split_name, walk
from unseen.videos.ffmpeg_process import ffmpeg

AWKWARD = 'tying "bow" (neck), 50% d\'été\u3042'


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def listed(layout: str, root: Path, **options) -> Listing:
    return read_listing("some-set", layout, root, LayoutOptions(**options))


def classes(listing: Listing) -> dict[str, str | None]:
    return {clip.clip_id: clip.class_name for clip in listing.clips}


def paths(listing: Listing) -> dict[str, str]:
    return {clip.clip_id: clip.path for clip in listing.clips}


def kinetics_csv(path: Path, *rows: tuple) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
        writer.writerows(rows)
    return path


def activitynet_json(path: Path, **videos: dict) -> Path:
    path.write_text(json.dumps({"database": videos, "version": "VERSION 1.3"}))
    return path


def video(subset: str, *segments: tuple[str, float, float]) -> dict:
    annotations = [{"label": label, "segment": [start, end]} for label, start, end in segments]
    return {"subset": subset, "annotations": annotations}


# ---------------------------------------------------------------- UCF101, HMDB51, SUN397, folders


def test_ucf101_takes_the_class_from_the_folder(tmp_path):
    touch(tmp_path, "Archery/v_Archery_g01_c01.avi", "Archery/v_Archery_g01_c02.AVI")
    touch(tmp_path, "HandstandPushups/v_HandStandPushups_g01_c01.avi", "Archery/.v_hidden.avi")
    assert classes(listed("ucf101", tmp_path)) == {
        "v_Archery_g01_c01": "Archery",
        "v_Archery_g01_c02": "Archery",
        "v_HandStandPushups_g01_c01": "HandstandPushups",
    }


def test_ucf101_in_one_folder_takes_the_class_from_the_name(tmp_path):
    touch(tmp_path, "v_YoYo_g25_c01.avi", "v_HandStandPushups_g01_c01.avi", "other.avi")
    assert classes(listed("ucf101", tmp_path)) == {
        "v_YoYo_g25_c01": "YoYo",
        "v_HandStandPushups_g01_c01": "HandstandPushups",
        "other": None,
    }


def test_hmdb51_lists_names_of_any_kind(tmp_path):
    name = 'A "clip" (1), #2 & 50%_été_f_cm_np1_ba_bad_0'
    touch(tmp_path, f"brush_hair/{name}.avi", "sword/sword/x.avi", "sword_exercise/x.avi")
    listing = listed("hmdb51", tmp_path)
    assert classes(listing) == {
        f"brush_hair/{name}": "brush_hair",
        "sword/x": "sword",
        "sword_exercise/x": "sword_exercise",
    }
    assert paths(listing)["sword/x"] == "sword/sword/x.avi"


def test_hmdb51_refuses_videos_without_a_class_folder(tmp_path):
    touch(tmp_path, "x.avi")
    with pytest.raises(UserError, match=r"outside its class folders: 'x.avi'"):
        listed("hmdb51", tmp_path)


def test_sun397_follows_class_name_txt(tmp_path):
    touch(tmp_path, "a/abbey/sun_1.jpg", "a/apse/indoor/sun_2.JPG", "z/zoo/sun_3.jpg")
    (tmp_path / "ClassName.txt").write_text("/a/abbey\r\n/a/apse/indoor\n\n/b/bog\n")
    listing = listed("sun397", tmp_path)
    assert classes(listing) == {"abbey/sun_1": "abbey", "apse/indoor/sun_2": "apse/indoor"}
    assert "1 classes have no photograph: 'bog'" in listing.notes
    assert "1 photographs lie in folders that ClassName.txt does not name" in listing.notes


def test_sun397_names_the_broken_line(tmp_path):
    touch(tmp_path, "a/abbey/sun_1.jpg")
    (tmp_path / "ClassName.txt").write_text("/a/abbey\nabbey\n")
    with pytest.raises(UserError, match=r"ClassName.txt, line 2: 'abbey' is no class"):
        listed("sun397", tmp_path)


def test_sun397_needs_its_class_names(tmp_path):
    with pytest.raises(UserError, match=r"ClassName.txt cannot be read: No such file"):
        listed("sun397", tmp_path)


def test_folders_name_classes_by_their_path(tmp_path):
    touch(tmp_path, f"{AWKWARD}/a.mp4", "deep/er/b.mkv", "loose.webm", "deep/notes.txt")
    listing = listed("folders", tmp_path)
    assert classes(listing) == {
        f"{AWKWARD}/a.mp4": AWKWARD,
        "deep/er/b.mkv": "deep/er",
        "loose.webm": None,
    }
    assert any("1 .txt" in note for note in listing.notes)
    assert any("1 files lie outside the class folders" in note for note in listing.notes)


def test_folders_without_classes(tmp_path):
    touch(tmp_path, "one.mp4", "two.mp4")
    assert classes(listed("folders", tmp_path)) == {"one.mp4": None, "two.mp4": None}


def test_folders_that_are_no_classes(tmp_path):
    """However deep the videos lie, and though the folders look like splits."""
    touch(tmp_path, "train/may/one.mp4", "test/two.mp4")
    listing = listed("folders", tmp_path, labelled=False)
    assert classes(listing) == {"train/may/one.mp4": None, "test/two.mp4": None}
    assert listing.notes == []
    of_one = listed("folders", tmp_path, labelled=False, subsets=("test",))
    assert classes(of_one) == {"test/two.mp4": None}


def test_folders_take_a_list_of_paths(tmp_path):
    root = touch(tmp_path / "root", "a/one.mp4", "a/two.mp4", "three.mp4")
    wanted = tmp_path / "list.txt"
    wanted.write_text(f"a/one.mp4\n\n./three.mp4\n{root}/a/two.mp4\na/gone.mp4\na/one.mp4\n")
    listing = listed("folders", root, annotations=wanted)
    assert classes(listing) == {"a/one.mp4": None, "a/two.mp4": None, "three.mp4": None}
    assert listing.missing == [("a/gone.mp4", None)]


def test_videos_win_over_pictures(tmp_path):
    """A downloader's thumbnails and a cover make no photographs of a set of videos."""
    videos = touch(tmp_path / "videos", "cover.png", "a/x.jpg", "a/x.MOV", "a/y.webp", "a/y.mp4")
    photographs = touch(tmp_path / "photographs", "a/x.JPEG", "a/y.gif", "b/z.png")
    assert media("folders", videos) == "videos"
    listing = listed("folders", videos)
    assert list(classes(listing)) == ["a/x.MOV", "a/y.mp4"]
    assert any("1 .png, 1 .jpg, 1 .webp" in note for note in listing.notes)
    assert "a/x.jpg" in classes(listed("folders", videos, media="photographs"))
    assert media("folders", photographs) == "photographs"
    assert media("folders", photographs, "videos") == "videos"
    assert len(listed("folders", photographs).clips) == 3
    assert media("sun397", photographs) == "photographs"
    assert media("ucf101", videos) == "videos"
    with pytest.raises(UserError, match="neither videos nor photographs"):
        media("folders", touch(tmp_path / "texts", "a.txt"))


def picture(path: Path, frames: int) -> Path:
    """A picture of so many frames."""
    first, *others = [Image.new("RGB", (8, 8), (40 * n, 0, 0)) for n in range(frames)]
    path.parent.mkdir(parents=True, exist_ok=True)
    first.save(path, save_all=frames > 1, append_images=others)
    return path


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_pictures_that_move_are_videos(tmp_path, suffix):
    for number in range(3):
        picture(tmp_path / f"a/moving{number}.{suffix}", frames=3)
    picture(tmp_path / f"a/still.{suffix}", frames=1)
    (tmp_path / f"a/broken.{suffix}").write_bytes(b"GIF89a")
    assert media("folders", tmp_path) == "videos"
    assert [*classes(listed("folders", tmp_path))] == [f"a/moving{n}.{suffix}" for n in range(3)]
    for number in range(4):
        picture(tmp_path / f"b/photograph{number}.jpg", frames=1)
    assert media("folders", tmp_path) == "photographs"


ENDINGS = "vob mxf f4v 3g2 qt m2v h264 mjpeg y4m gxf nut ts mts avi mkv webm ogv wmv m1v m4v ivf"
NEED = {  # what a container takes besides its default codec
    "mxf": "-c:v mpeg2video -r 25 -s 720x576",
    "gxf": "-c:v mpeg2video -r 25 -s 720x576",
    "3g2": "-c:v mpeg4",
    "ivf": "-c:v libvpx",
    "y4m": "-pix_fmt yuv420p",
}


@pytest.mark.parametrize("ending", ENDINGS.split())
def test_what_ffmpeg_reads_as_video_is_listed(tmp_path, ending):
    path = tmp_path / f"a/clip.{ending}"
    path.parent.mkdir()
    muxer = ["-f", {"qt": "mov", "f4v": "mp4"}.get(ending, "")] if ending in ("qt", "f4v") else []
    source = "testsrc=s=64x48:r=25:d=0.2"
    command = [ffmpeg(), "-v", "error", "-f", "lavfi", "-i", source, *NEED.get(ending, "").split()]
    subprocess.run([*command, *muxer, path], check=True)
    with av.open(str(path)) as container:
        assert container.streams.video
    assert [*classes(listed("folders", tmp_path))] == [f"a/clip.{ending}"]


def test_folders_of_splits_are_refused_until_one_is_asked_for(tmp_path):
    touch(tmp_path, "train/archery/a.mp4", "train/bowling/b.mp4", "val/archery/c.mp4")
    with pytest.raises(UserError, match=r"are splits.*'train', 'val'.*`subsets: \[train\]`"):
        listed("folders", tmp_path)
    assert classes(listed("folders", tmp_path, subsets=("train",))) == {
        "train/archery/a.mp4": "archery",
        "train/bowling/b.mp4": "bowling",
    }
    assert len(listed("folders", tmp_path, subsets=("train", "val")).clips) == 3
    with pytest.raises(UserError, match="has no folder 'test': it has 'train', 'val'"):
        listed("folders", tmp_path, subsets=("test",))


def test_a_root_too_deep_or_too_shallow_is_said(tmp_path):
    touch(tmp_path, "data/archery/a.mp4", "data/bowling/b.mp4")
    shallow = listed("folders", tmp_path)
    assert any("below one folder, 'data'" in note for note in shallow.notes)
    deep = listed("folders", tmp_path / "data/archery")
    assert any("name the folder around it" in note for note in deep.notes)
    assert listed("folders", tmp_path / "data").notes == []


def test_a_flat_copy_of_ucf101_takes_classes_from_names(tmp_path):
    touch(tmp_path, "train/v_Archery_g01_c01.avi", "test/v_HandStandPushups_g01_c01.avi")
    touch(tmp_path, "train/Bowling/v_Bowling_g01_c01.avi")
    listing = listed("ucf101", tmp_path)
    assert [*classes(listing).values()] == ["Archery", "Bowling", "HandstandPushups"]
    assert any("2 videos lie in folders of splits ('test', 'train')" in n for n in listing.notes)


def test_sun397_says_where_its_root_is(tmp_path):
    touch(tmp_path, "SUN397/a/abbey/sun_1.jpg")
    names = tmp_path / "SUN397/ClassName.txt"
    names.write_text("/a/abbey\n")
    for root in (tmp_path, tmp_path / "SUN397/a"):
        with pytest.raises(UserError, match=r"SUN397/ClassName.txt is: name .*SUN397 as the root"):
            listed("sun397", root)
        with pytest.raises(UserError, match=r"too (deep|shallow): name .*SUN397 as the root"):
            listed("sun397", root, annotations=names)


def test_archives_are_told(tmp_path):
    touch(tmp_path, "hmdb51/brush_hair.rar", "hmdb51/cartwheel.rar", "UCF101.zip")
    with pytest.raises(UserError, match=r"2 \.rar; archives are not looked into: unpack the \.rar"):
        listed("hmdb51", tmp_path / "hmdb51")
    with pytest.raises(UserError, match=r"is an archive: .*UCF101.zip .*unpack it"):
        listed("ucf101", tmp_path / "UCF101.zip")


# ---------------------------------------------------------------- Kinetics


def test_kinetics_finds_files_in_every_layout(tmp_path):
    root = touch(
        tmp_path / "root",
        "a b/AAAAAAAAAAA_000001_000011.mp4",  # a folder a class, times in the name
        "train/-BBBBBBBBBB_000002_000012.webm",  # a folder a split
        "CCCCCCCCCCC_3_13.mp4",  # one folder, times as they stand in the CSV
    )
    annotations = kinetics_csv(
        tmp_path / "train.csv",
        ("a b", "AAAAAAAAAAA", 1, 11, "train"),
        (AWKWARD, "-BBBBBBBBBB", 2, 12, "train"),
        ("c/d", "CCCCCCCCCCC", "3.0", "13.0", "train"),
        ("c/d", "DDDDDDDDDDD", 4, 14, "train"),
    )
    listing = listed("kinetics", root, annotations=annotations)
    assert classes(listing) == {
        "-BBBBBBBBBB_000002_000012": AWKWARD,
        "AAAAAAAAAAA_000001_000011": "a b",
        "CCCCCCCCCCC_000003_000013": "c/d",
    }
    assert listing.missing == [("DDDDDDDDDDD_000004_000014", "c/d")]
    assert all(clip.start_s is None and clip.end_s is None for clip in listing.clips)


def test_kinetics_prefers_the_file_in_the_class_s_own_folder(tmp_path):
    root = touch(tmp_path / "root", "a_(b)/AAAAAAAAAAA.mp4", "c/AAAAAAAAAAA.mp4")
    annotations = kinetics_csv(
        tmp_path / "train.csv",
        ("a (b)", "AAAAAAAAAAA", 0, 10, "train"),
        ("c", "AAAAAAAAAAA", 20, 30, "train"),
    )
    listing = listed("kinetics", root, annotations=annotations, trimmed=True)
    assert paths(listing) == {
        "AAAAAAAAAAA_000000_000010": "a_(b)/AAAAAAAAAAA.mp4",
        "AAAAAAAAAAA_000020_000030": "c/AAAAAAAAAAA.mp4",
    }


@pytest.fixture(scope="module")
def videos_of_two_lengths(tmp_path_factory) -> Path:
    """`cut.mp4` lasts two seconds, `whole.mp4` eight."""
    folder = tmp_path_factory.mktemp("lengths")
    write_video(folder / "cut.mp4", frames=20, fps=10, size=(32, 32))
    write_video(folder / "whole.mp4", frames=80, fps=10, size=(32, 32))
    return folder


def segments(listing: Listing) -> list[tuple[float | None, float | None]]:
    return [(clip.start_s, clip.end_s) for clip in listing.clips]


@pytest.mark.parametrize(
    ("kinds", "trimmed", "expected"),
    [
        (["cut", "cut"], "auto", [(None, None), (None, None)]),
        (["whole", "whole"], "auto", [(3, 5), (3, 5)]),
        (["cut", "whole"], "auto", [(None, None), (3, 5)]),
        (["whole", "broken"], "auto", [(3, 5), (3, 5)]),
        (["whole"], True, [(None, None)]),
        (["cut"], False, [(3, 5)]),
    ],
)
def test_kinetics_tells_cut_files_from_whole_videos(
    tmp_path, videos_of_two_lengths, kinds, trimmed, expected
):
    root = tmp_path / "root"
    root.mkdir()
    rows = []
    for number, kind in enumerate(kinds):
        path = root / f"video{number}.mp4"
        if kind == "broken":
            path.write_bytes(b"no video")
        else:
            path.symlink_to(videos_of_two_lengths / f"{kind}.mp4")
        rows.append(("a", path.stem, 3, 5, "train"))
    annotations = kinetics_csv(tmp_path / "train.csv", *rows)
    listing = listed("kinetics", root, annotations=annotations, trimmed=trimmed)
    assert segments(listing) == expected
    whole = sum(start is not None for start, _ in expected)
    assert any(f"{whole} are whole videos" in note for note in listing.notes)


def test_kinetics_opens_no_file_whose_name_holds_its_times(tmp_path):
    root = touch(tmp_path / "root", "AAAAAAAAAAA_000001_000011.mp4")
    annotations = kinetics_csv(tmp_path / "a.csv", ("a", "AAAAAAAAAAA", 1, 11, "train"))
    code = (
        "import sys; from pathlib import Path; from unseen.datasets import *\n"
        "options = LayoutOptions(annotations=Path(sys.argv[2]))\n"
        "read_listing('some-set', 'kinetics', Path(sys.argv[1]), options)\n"
        "assert not {'av', 'torch', 'pandas', 'gensim'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    subprocess.run([sys.executable, "-c", code, root, annotations], check=True, env=environment)


def test_a_replacement_wins_over_the_clip_that_it_replaces(tmp_path):
    names = {"A": "AAAAAAAAAAA", "B": "BBBBBBBBBBB", "C": "CCCCCCCCCCC"}
    broken = [f"train/{name}_000001_000011.mp4" for name in names.values()]
    sound = "replacement/replacement_for_corrupted_k400"
    root = touch(tmp_path / "root", *broken, f"{sound}/{names['A']}.mp4")
    touch(root, f"{sound}/{names['B']}_000001_000011.mp4")
    rows = [("a", name, 1, 11, "train") for name in names.values()]
    annotations = kinetics_csv(tmp_path / "a.csv", *rows)
    listing = listed("kinetics", root, annotations=annotations, trimmed=True)
    assert [*paths(listing).values()] == [
        f"{sound}/{names['A']}.mp4",
        f"{sound}/{names['B']}_000001_000011.mp4",
        broken[2],
    ]


def test_kinetics_takes_the_wanted_subsets(tmp_path):
    root = touch(tmp_path / "root", "AAAAAAAAAAA_000001_000011.mp4")
    rows = ("a", "AAAAAAAAAAA", 1, 11, "train"), ("b", "BBBBBBBBBBB", 1, 11, "validate")
    annotations = kinetics_csv(tmp_path / "a.csv", *rows)
    listing = listed("kinetics", root, annotations=annotations, subsets=("train",))
    assert list(classes(listing)) == ["AAAAAAAAAAA_000001_000011"]
    assert listing.missing == []
    with pytest.raises(UserError, match="has no subset 'val': it has 'train', 'validate'"):
        listed("kinetics", root, annotations=annotations, subsets=("train", "val"))


def test_kinetics_lists_clips_without_labels(tmp_path):
    root = touch(tmp_path / "root", "AAAAAAAAAAA_000001_000011.mp4")
    annotations = tmp_path / "test.csv"
    annotations.write_text("youtube_id,time_start,time_end,split\nAAAAAAAAAAA,1,11,test\n")
    assert classes(listed("kinetics", root, annotations=annotations)) == {
        "AAAAAAAAAAA_000001_000011": None
    }


def test_kinetics_counts_a_repeated_row_once(tmp_path):
    root = touch(tmp_path / "root", "AAAAAAAAAAA_000001_000011.mp4")
    row = ("a", "AAAAAAAAAAA", 1, 11, "train")
    listing = listed("kinetics", root, annotations=kinetics_csv(tmp_path / "a.csv", row, row))
    assert len(listing.clips) == 1
    assert "1 clips are annotated twice and counted once" in listing.notes


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("b", "AAAAAAAAAAA", 1, 11, "train"), "row 3: the clip .* has two labels, 'a' and 'b'"),
        (("a", "BBBBBBBBBBB", "x", 11, "train"), "row 3: .* must be seconds, not 'x' and '11'"),
        (("a", "BBBBBBBBBBB", 11, 1, "train"), "row 3: time_end must lie after time_start"),
        (("a", "BBBBBBBBBBB"), "row 3: 2 fields, the header has 5"),
        (("a", "", 1, 11, "train"), "row 3: youtube_id is empty"),
    ],
)
def test_kinetics_names_the_broken_row(tmp_path, row, message):
    root = touch(tmp_path / "root", "AAAAAAAAAAA_000001_000011.mp4")
    good = ("a", "AAAAAAAAAAA", 1, 11, "train")
    with pytest.raises(UserError, match=message):
        listed("kinetics", root, annotations=kinetics_csv(tmp_path / "a.csv", good, row))


def test_kinetics_refuses_another_csv(tmp_path):
    (tmp_path / "a.csv").write_text("label,id\nx,y\n")
    with pytest.raises(UserError, match=r"a.csv has no column youtube_id, time_start"):
        listed("kinetics", tmp_path, annotations=tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"b.csv cannot be read: No such file"):
        listed("kinetics", tmp_path, annotations=tmp_path / "b.csv")


# ---------------------------------------------------------------- ActivityNet


def test_activitynet_lists_every_labelled_segment(tmp_path):
    root = touch(tmp_path / "root", "v_one.mp4", "sub/v_two.mkv", "three.mp4", "v_four.mp4")
    annotations = activitynet_json(
        tmp_path / "a.json",
        one=video("training", ("Long jump", 1.5, 4.25), (AWKWARD, 5, 9)),
        two=video("validation", ("Long jump", 0, 2)),
        three=video("validation", ("Long jump", 0, 2)),
        four=video("testing"),
        five=video("training", ("Skiing", 0, 10)),
    )
    listing = listed("activitynet", root, annotations=annotations)
    assert [(clip.clip_id, clip.path, clip.start_s, clip.end_s) for clip in listing.clips] == [
        ("one_1.500_4.250", "v_one.mp4", 1.5, 4.25),
        ("one_5.000_9.000", "v_one.mp4", 5, 9),
        ("three_0.000_2.000", "three.mp4", 0, 2),
        ("two_0.000_2.000", "sub/v_two.mkv", 0, 2),
    ]
    assert classes(listing)["one_5.000_9.000"] == AWKWARD
    assert listing.missing == [("five_0.000_10.000", "Skiing")]
    assert any("14,950" in note and "27,801" in note for note in listing.notes)


def test_activitynet_lists_the_test_subset_on_demand_without_labels(tmp_path):
    root = touch(tmp_path / "root", "v_one.mp4", "v_four.mp4")
    annotations = activitynet_json(
        tmp_path / "a.json", one=video("training", ("Skiing", 0, 1)), four=video("testing")
    )
    listing = listed("activitynet", root, annotations=annotations, subsets=("testing",))
    assert classes(listing) == {"four": None}
    assert segments(listing) == [(None, None)]
    with pytest.raises(UserError, match="has no subset 'test': it has 'testing', 'training'"):
        listed("activitynet", root, annotations=annotations, subsets=("test",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "is not JSON"),
        ("{}", "has no entry `database`"),
        ('{"database": {"x": 5}}', "video x: no object with `subset` and `annotations`"),
        ('{"database": {"x": {"annotations": []}}}', "video x: the field `subset` is missing"),
        ('{"database": {"x": {"subset": ["a"]}}}', "video x: the field `subset` is missing or no"),
        (
            '{"database": {"x": {"subset": "training", "annotations": 3}}}',
            "video x: the field `annotations` is no list",
        ),
        (
            '{"database": {"x": {"subset": "training", "annotations": [{"segment": [0, 1]}]}}}',
            "video x: .*the field `label` is missing or no text",
        ),
        (
            '{"database": {"x": {"subset": "training", "annotations": '
            '[{"label": "a", "segment": [0, NaN]}]}}}',
            "video x: .*the field `segment` must hold seconds, at most 999999",
        ),
        ("[" * 1_000_000, "is nested too deeply"),
        (
            '{"database": {"x": {"subset": "training", "annotations": [{"label": "a"}]}}}',
            "video x: .*the field `segment` must hold its start and end",
        ),
    ],
)
def test_activitynet_names_the_broken_annotation(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=message):
        listed("activitynet", tmp_path, annotations=tmp_path / "a.json")


def test_activitynet_refuses_a_segment_with_two_labels(tmp_path):
    root = touch(tmp_path / "root", "v_one.mp4")
    twice = video("training", ("a", 0, 1), ("a", 0, 1))
    listing = listed("activitynet", root, annotations=activitynet_json(tmp_path / "a", one=twice))
    assert len(listing.clips) == 1
    both = video("training", ("a", 0, 1), ("b", 0, 1))
    with pytest.raises(UserError, match=r"one_0.000_1.000 has two labels, 'a' and 'b'"):
        listed("activitynet", root, annotations=activitynet_json(tmp_path / "b", one=both))


# ---------------------------------------------------------------- damaged annotations


def kinetics_annotations(folder: Path) -> bytes:
    rows = [(f"class {n % 5}", f"{n:011d}", n, n + 10, "train") for n in range(40)]
    return kinetics_csv(folder / "annotations", *rows).read_bytes()


def activitynet_annotations(folder: Path) -> bytes:
    videos = {
        f"v{n}": video("training", ("Skiing", n, n + 5.5), (AWKWARD, 7, 9)) for n in range(15)
    }
    return activitynet_json(folder / "annotations", **videos, test=video("testing")).read_bytes()


ANNOTATIONS = {
    "kinetics": kinetics_annotations,
    "activitynet": activitynet_annotations,
    "sun397": lambda folder: b"".join(b"/a/class%d\n" % n for n in range(30)),
    "folders": lambda folder: b"".join(b"a/class%d/a.mp4\n" % n for n in range(30)),
}


def is_listing(listing: Listing) -> None:
    for clip in listing.clips:
        assert clip.clip_id and "\n" not in clip.clip_id
        assert clip.clip_id.encode() and (clip.class_name or "x").encode()
        assert clip.path and (clip.start_s is None or abs(clip.start_s) < 1e6)
    for clip_id, class_name in listing.missing:
        assert clip_id.encode() and (class_name or "x").encode()


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("layout", ANNOTATIONS)
def test_damaged_annotations_are_read_or_refused(tmp_path, layout, tries):
    root = touch(tmp_path / "root", "v0.mp4", "v_v1.mp4", "00000000001.mp4", "a/class1/a.mp4")
    touch(root, "a/class2/b.jpg", "00000000002_000002_000012.mp4")
    (tmp_path / "annotations").touch()
    options = {"media": "videos"} if layout == "folders" else {"trimmed": True}

    def read(path: Path) -> Listing:
        try:
            return listed(layout, root, annotations=path, **options)
        except UserError as error:
            if "nothing in" in str(error) or "have the id" in str(error):
                return Listing([])  # other clips than there are
            raise

    content = ANNOTATIONS[layout](tmp_path)
    path = tmp_path / "annotations"
    assert_survives(read, content, path, tries=tries, check=is_listing, beside=["root"])


# ---------------------------------------------------------------- what holds for all


def test_a_missing_root_is_named_with_its_key(tmp_path):
    with pytest.raises(UserError, match=r"datasets\.some-set\.root"):
        listed("ucf101", tmp_path / "gone")


def test_a_root_without_videos_is_an_error(tmp_path):
    touch(tmp_path, "a/readme.txt")
    with pytest.raises(UserError, match=r"some-set: nothing in .* fits the layout ucf101"):
        listed("ucf101", tmp_path)


def test_two_clips_with_one_id_are_an_error(tmp_path):
    touch(tmp_path, "A/v_A_g01_c01.avi", "A/v_A_g01_c01.mp4")
    with pytest.raises(UserError, match=r"A/v_A_g01_c01.avi and A/v_A_g01_c01.mp4"):
        listed("ucf101", tmp_path)


def test_excluded_classes_are_left_out_and_reported(tmp_path):
    touch(tmp_path, "barn/a.avi", "barndoor/b.avi", "barndoor/c.avi")
    listing = listed("hmdb51", tmp_path, exclude=("barndoor",))
    assert set(classes(listing).values()) == {"barn"}
    assert "excluded the class 'barndoor' (2 clips)" in listing.notes
    with pytest.raises(UserError, match="no class of the data: 'barndor'; is it 'barndoor'"):
        listed("hmdb51", tmp_path, exclude=("barndor",))


def test_what_stands_where_a_video_should_be_is_listed(tmp_path):
    touch(tmp_path, "a/good.avi", "a/empty.avi")
    (tmp_path / "a/empty.avi").write_bytes(b"")
    (tmp_path / "a/folder.avi").mkdir()
    (tmp_path / "a/dangling.avi").symlink_to(tmp_path / "nowhere")
    assert list(classes(listed("hmdb51", tmp_path))) == [
        "a/dangling",
        "a/empty",
        "a/folder",
        "a/good",
    ]


def test_links_are_followed_but_never_in_a_circle(tmp_path):
    touch(tmp_path / "elsewhere", "x.avi")
    touch(tmp_path / "root", "b/y.avi", "z.avi")
    (tmp_path / "root/a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/b/loop").symlink_to(tmp_path / "root")
    assert [file.path for file in walk(tmp_path / "root")] == ["z.avi", "a/x.avi", "b/y.avi"]


def test_names_of_any_bytes_are_listed_as_they_can_be_shown(tmp_path):
    for name in (b"cl\xff/\xfe.avi", b"a\tb/line\nend.avi"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/root/" + name))
        path.parent.mkdir(parents=True)
        path.write_bytes(name)
    files = write_listing(tmp_path / "root", tmp_path / "out", "folders")
    assert files["class_names.txt"].decode().splitlines() == [r"a\x09b", r"cl\xff"]
    rows = [row for n in range(4) for row in read_rows(tmp_path / f"out/manifests/00{n}.csv")]
    for row in rows:
        assert locate(tmp_path / "root", row["path"]).is_file()
    shown = {row["clip_id"] for row in rows}
    assert shown == {r"cl\xff/\xfe.avi", r"a\x09b/line\x0aend.avi"}
    listing = tmp_path / "list.txt"
    listing.write_bytes(b"cl\xff/\xfe.avi\n")
    clips = listed("folders", tmp_path / "root", annotations=listing).clips
    assert [clip.path for clip in clips] == [r"cl\xff/\xfe.avi"]
    assert listing_digest(tmp_path / "root", "folders", LayoutOptions())


def test_names_end_in_any_case():
    assert split_name("a.b.AVI") == ("a.b", ".avi")
    assert split_name("plain") == ("plain", "")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 9999))
def test_a_clip_s_shard_is_one_of_them_and_stays(clip_id, shards):
    shard = shard_of(clip_id, shards)
    assert 0 <= shard < shards
    assert shard == shard_of(clip_id, shards)


def test_shards_are_of_similar_size():
    counts = [0] * 8
    for number in range(4000):
        counts[shard_of(f"clip {number}", 8)] += 1
    assert min(counts) > 400


# ---------------------------------------------------------------- the stage


def write_listing(root: Path, output: Path, layout: str = "ucf101", **options) -> dict[str, bytes]:
    """Run the stage; returns the bytes of its files by name."""
    list_clips(
        "some-set",
        layout,
        root,
        LayoutOptions(**options),
        shards=4,
        manifests=output / "manifests",
        labels=output / "labels.csv",
        missing=output / "missing.csv",
        class_names=output / "class_names.txt",
    )
    files = (path for path in output.rglob("*") if path.is_file())
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


def test_the_stage_writes_what_the_design_says(tmp_path):
    names = [f"{letter}/v_{letter}_g01_c0{n}.avi" for letter in "AB" for n in range(1, 6)]
    root = touch(tmp_path / "root", *names)
    write_listing(root, tmp_path / "out")
    shards = sorted(path.name for path in (tmp_path / "out/manifests").iterdir())
    assert shards == ["000.csv", "001.csv", "002.csv", "003.csv"]
    rows = [row for shard in shards for row in read_rows(tmp_path / "out/manifests" / shard)]
    assert list(rows[0]) == ["clip_id", "path", "start_s", "end_s", "fingerprint"]
    assert sorted(row["path"] for row in rows) == names
    labels = read_rows(tmp_path / "out/labels.csv")
    assert [row["clip_id"] for row in labels] == sorted(row["clip_id"] for row in rows)
    assert {row["class"] for row in labels} == {"A", "B"}
    assert (tmp_path / "out/missing.csv").read_text() == "clip_id,class\n"
    assert (tmp_path / "out/class_names.txt").read_text() == "A\nB\n"


def test_unlabelled_data_give_empty_labels(tmp_path):
    root = touch(tmp_path / "root", "x.mp4")
    files = write_listing(root, tmp_path / "out", "folders")
    assert files["labels.csv"] == b"clip_id,class\n"
    assert files["class_names.txt"] == b""


def test_one_added_video_changes_one_manifest(tmp_path):
    root = touch(tmp_path / "root", *[f"A/v_A_g01_c{n:02d}.avi" for n in range(20)])
    before = write_listing(root, tmp_path / "before")
    touch(root, "A/v_A_g02_c01.avi")
    after = write_listing(root, tmp_path / "after")
    changed = {name for name in before if before[name] != after[name]}
    assert "labels.csv" in changed
    assert len([name for name in changed if name.startswith("manifests/")]) == 1


def test_another_root_with_the_same_files_changes_nothing(tmp_path):
    root = touch(tmp_path / "root", "A/v_A_g01_c01.avi")
    before = (
        write_listing(root, tmp_path / "before"),
        listing_digest(root, "ucf101", LayoutOptions()),
    )
    moved = root.rename(tmp_path / "moved")
    after = (
        write_listing(moved, tmp_path / "after"),
        listing_digest(moved, "ucf101", LayoutOptions()),
    )
    assert before == after


def test_which_label_belongs_to_which_clip_changes_the_labels_alone(tmp_path):
    clips = [f"{letter * 11}_000000_000010.mp4" for letter in "ABCDEF"]
    root = touch(tmp_path / "root", *clips[:5])
    outputs = []
    for labels in (["x", "y", "z", "x", "y", "z"], ["z", "z", "y", "y", "x", "x"]):
        rows = [
            (label, clip[:11], 0, 10, "test") for label, clip in zip(labels, clips, strict=True)
        ]
        annotations = kinetics_csv(tmp_path / "test.csv", *rows)
        output = tmp_path / "-".join(labels)
        outputs.append(write_listing(root, output, "kinetics", annotations=annotations))
    differing = {name for name in outputs[0] if outputs[0][name] != outputs[1][name]}
    assert differing == {"labels.csv", "labels.csv.sha256", "missing.csv"}


def test_the_digest_follows_files_annotations_and_options(tmp_path):
    root = touch(tmp_path / "root", "a/x.mp4", "a/y.mp4")
    annotations = tmp_path / "list.txt"
    annotations.write_text("a/x.mp4\n")

    def digest(layout="folders", **options):
        return listing_digest(root, layout, LayoutOptions(annotations=annotations, **options))

    first = digest()
    assert digest() == first
    copy = tmp_path / "copy.txt"
    copy.write_text("a/x.mp4\n")
    assert listing_digest(root, "folders", LayoutOptions(annotations=copy)) == first
    assert digest(exclude=("a",)) != first
    assert digest(layout="kinetics") != first
    annotations.write_text("a/y.mp4\n")
    second = digest()
    assert second != first
    touch(root, "a/z.mp4")
    assert digest() != second


def test_the_script_reports_a_mistake_in_one_line(tmp_path):
    command = [sys.executable, SCRIPTS / "list_clips.py", "--dataset", "mine", "--layout"]
    command += ["folders", "--root", tmp_path / "gone", "--shards", "1"]
    for name in ("manifests", "labels", "missing", "class-names"):
        command += [f"--{name}", tmp_path / name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: the root of data set mine is not there: ")
    assert result.stderr.count("\n") == 1
