"""A trained model on files and tensors: predictions, marks, windows, broken files, the command."""

import csv
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import planted
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from repository import SOURCE
from small_run import COLOURS, TINY, write_small_run
from videos import write_video

from unseen.base.errors import UserError
from unseen.base.tabular import read_rows
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.network.convex import make_convex_model
from unseen.network.inference import embed_videos
from unseen.network.training import train
from unseen.prediction import reading as reading_module
from unseen.prediction.classifier import (
    Failure,
    Reading,
    classify_files,
    load_classifier,
    predictions,
)
from unseen.prediction.command import (
    WRITERS,
    _main,
    _write,
    as_csv,
    as_json,
    as_table,
    video_files,
)
from unseen.prediction.model_list import model_lines
from unseen.prediction.page import prediction_page
from unseen.prediction.requested_classes import (
    Seen,
    Trained,
    embed_requested,
    parse_classes,
    read_classes,
    wanted_classes,
)
from unseen.videos.probing import VideoError

D = 6
UNSEEN = ["deep water", "dry straw"]
"""Names that are in no list; their words have vectors near those of two colours."""


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def write_vectors(path: Path, vectors: dict[str, np.ndarray]) -> Path:
    lines = [f"{word} {' '.join(map(str, vector.tolist()))}" for word, vector in vectors.items()]
    path.write_text("\n".join([f"{len(vectors)} {D}", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A model that tells colours apart, the word vectors it was trained with, and videos."""
    folder = tmp_path_factory.mktemp("prediction")
    sources = write_small_run(folder)
    rng = np.random.default_rng(1)
    words = {word: unit(rng.normal(size=D)) for name in COLOURS for word in name.split()}
    names = list(COLOURS)
    rows = np.stack([unit(words[a] + words[b]) for a, b in map(str.split, names)])
    write_class_embeddings(sources.class_embeddings["colours"], names, rows)
    near = {"deep": "blue", "water": "sea", "dry": "golden", "straw": "wheat"}
    words |= {new: unit(words[old] + 0.3 * rng.normal(size=D)) for new, old in near.items()}
    vectors = write_vectors(folder / "vectors.txt", words)
    model = folder / "models" / "tiny" / "model.safetensors"
    settings = replace(TINY, epochs=12, milestones=[10], learning_rate=3e-3)
    train(sources, settings, weights=None, features=None, output=model, log=folder / "log.csv")
    videos = folder / "videos"
    videos.mkdir()
    for name in ("blue sea", "golden wheat"):
        colour = np.array(COLOURS[name], np.uint8)
        frames = np.broadcast_to(colour, (50, 64, 96, 3)) // 2 + rng.integers(
            0, 40, (50, 64, 96, 3)
        ).astype(np.uint8)
        write_video(videos / f"{name[:4]}.avi", kind="mpeg4", frames=frames + colour // 3)
    return {"sources": sources, "model": model, "vectors": vectors, "videos": videos}


@pytest.fixture(scope="module")
def classifier(world):
    return load_classifier(world["model"], UNSEEN, world["vectors"], device="cpu")


def test_unseen_names_are_told_apart(classifier, world):
    for file, name in (("blue.avi", "deep water"), ("gold.avi", "dry straw")):
        video = classifier.classify_file(world["videos"] / file)
        assert video.prediction.classes[0] == name
        assert video.prediction.distances == sorted(video.prediction.distances)
        assert video.duration_s == pytest.approx(2)
    assert not classifier.seen


def test_a_file_is_predicted_as_the_pipeline_does(classifier, world, tmp_path):
    """But for the codec of the clip store, which loses nothing here."""
    from unseen.results.nearest import cosine_distances
    from unseen.results.test_set import read_videos
    from unseen.videos.decode_shard import decode_shard
    from unseen.videos.settings import ClipSettings

    manifest = tmp_path / "000.csv"
    manifest.write_text("clip_id,path,start_s,end_s,fingerprint\nblue,blue.avi,,,\n")
    shard = tmp_path / "000.h5"
    side = classifier.input_settings["short_side"]
    settings = ClipSettings(short_side=side, codec="h264", quality=0)
    decode_shard(manifest, world["videos"], shard, settings, workers=1)
    reading = {"snippets": 5, "scheme": "linear", "batch_size": 5, "device": "cpu", "workers": 0}
    output = tmp_path / "mine.h5"
    embed_videos(world["model"], {"mine": [shard]}, {"mine": output}, **reading)
    expected = cosine_distances(read_videos(output).embeddings[5], classifier.class_vectors)[0]
    found = classifier.classify_file(world["videos"] / "blue.avi", Reading(snippets=5))
    assert found.prediction.distances == pytest.approx(sorted(expected.tolist()), abs=1e-6)


def test_the_classes_of_an_own_classifier_are_combined(world, tmp_path):
    """A run with `loss: classification`, as a run of method convex has it as weights."""
    path, run = tmp_path / "classifier.safetensors", tmp_path / "model.safetensors"
    settings = replace(TINY, loss="classification", epochs=12, milestones=[10], learning_rate=3e-3)
    paths = {"output": path, "log": tmp_path / "log.csv"}
    train(world["sources"], settings, weights=None, features=None, **paths)
    embeddings = world["sources"].class_embeddings
    make_convex_model(path, embeddings, run, kept=None, likeliest=3, centre=True)
    found, expected = (
        load_classifier(model, UNSEEN, world["vectors"], device="cpu", **options)
        for model, options in ((path, {"likeliest": 3, "centre": True}), (run, {}))
    )
    for file, name in (("blue.avi", "deep water"), ("gold.avi", "dry straw")):
        one, other = (each.classify_file(world["videos"] / file) for each in (found, expected))
        assert one.prediction.classes[0] == name
        assert one.prediction.distances == pytest.approx(other.prediction.distances, abs=1e-6)
    with pytest.raises(UserError, match="is no classifier: likeliest, centre"):
        load_classifier(world["model"], UNSEEN, world["vectors"], centre=True)


def test_frames_are_predicted_like_their_file(classifier, world):
    import av

    path = world["videos"] / "gold.avi"
    with av.open(str(path)) as container:
        frames = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2)
    of_file = classifier.classify_file(path, Reading(snippets=5)).prediction
    of_bytes = classifier.classify_frames(tensor, snippets=5)
    assert of_bytes.classes == of_file.classes
    assert of_bytes.distances == pytest.approx(of_file.distances, abs=0.05)
    of_floats = classifier.classify_frames(tensor.float() / 255, snippets=5)
    assert of_floats.distances == pytest.approx(of_bytes.distances, abs=1e-6)
    with pytest.raises(ValueError, match="frames are"):
        classifier.classify_frames(tensor.permute(0, 2, 3, 1))


def test_windows_follow_a_change_along_time(classifier, tmp_path):
    blue, gold = (
        np.broadcast_to(np.array(COLOURS[name], np.uint8), (75, 64, 96, 3))
        for name in ("blue sea", "golden wheat")
    )
    path = write_video(tmp_path / "both.avi", kind="mpeg4", frames=np.concatenate([blue, gold]))
    video = classifier.classify_file(path, Reading(window_s=1, stride_s=1))
    assert [(w.start_s, w.end_s) for w in video.windows] == [(k, k + 1) for k in range(6)]
    best = [window.prediction.classes[0] for window in video.windows]
    assert best == ["deep water"] * 3 + ["dry straw"] * 3


def test_200_inputs_20_of_them_broken(classifier, world, tmp_path):
    paths, broken = [], []
    for number in range(200):
        path = tmp_path / f"{number:03}.avi"
        if number % 10 == 7:
            kind = number // 10 % 4
            if kind == 0:
                path.write_bytes(b"")
            elif kind == 1:
                path.write_text("no video")
            elif kind == 2:
                path.write_bytes((world["videos"] / "blue.avi").read_bytes()[:900])
            broken.append(str(path))  # of the fourth kind there is no file at all
        else:
            path.symlink_to(world["videos"] / ("blue.avi" if number % 2 else "gold.avi"))
        paths.append(path)
    results = list(classify_files(classifier, paths, Reading(snippets=1)))
    assert [result.path for result in results] == [str(path) for path in paths]
    failures = [result for result in results if isinstance(result, Failure)]
    assert [failure.path for failure in failures] == broken and all(f.reason for f in failures)
    good = [result for result in results if not isinstance(result, Failure)]
    assert len(good) == 180
    wrong = {
        video.path
        for video in good
        if (video.prediction.classes[0] == "deep water") != (int(Path(video.path).stem) % 2 == 1)
    }
    assert not wrong


@pytest.mark.parametrize("when", ["planted_plan", "plan_with_planted_frames"])
def test_what_hangs_grows_or_crashes_costs_itself_alone(
    classifier, tmp_path, monkeypatch, when
) -> None:
    """When a file is opened, and when its frames are read."""
    monkeypatch.setattr(reading_module, "plan", getattr(planted, when))
    names = ["good", "hang_in_c", "grow", "crash", "fine"]
    video = write_video(tmp_path / "made.avi", kind="mpeg4", frames=12, size=(64, 48))
    for name in names:
        (tmp_path / f"{name}.avi").write_bytes(video.read_bytes())
    paths = [tmp_path / f"{name}.avi" for name in names]
    reading = Reading(snippets=30, timeout_s=2, workers=2)
    found = list(classify_files(classifier, paths, reading))
    reasons = {Path(one.path).stem: one.reason for one in found if isinstance(one, Failure)}
    assert [Path(one.path).stem for one in found] == names
    assert {*reasons} == {"hang_in_c", "grow", "crash"}
    assert "ended after 2 s without a result" in reasons["hang_in_c"]
    assert "more than 4 GiB of memory" in reasons["grow"]
    assert "ended the decoder (SIGSEGV), which may take 4 GiB" in reasons["crash"]


def test_a_single_broken_file_raises_its_reason(classifier, tmp_path):
    with pytest.raises(VideoError, match="cannot be opened"):
        classifier.classify_file(tmp_path / "absent.mp4")


# What is marked


def test_classes_near_a_training_class_are_seen(world):
    asked = {"blue sea": [], "the Golden Wheat!": [], "ocean": ["blue", "sea"], "grey sky": []}
    classifier = load_classifier(world["model"], asked, world["vectors"])
    assert {name: same.name for name, same in classifier.seen.items()} == {
        "blue sea": "blue sea",
        "the Golden Wheat!": "golden wheat",
        "ocean": "blue sea",
    }


def test_the_chain_of_weights_counts_as_seen(world):
    vectors = np.eye(D, dtype=np.float32)[:2]
    earlier = {"first.pt": ["grey sky"], "other.pt": None}
    trained = Trained(["a", "b"], vectors, "word2vec", "0" * 64, earlier)
    asked = embed_requested({"Grey sky": [], "red barn": []}, trained, world["vectors"])
    assert {name: same.source for name, same in asked.seen.items()} == {"Grey sky": "first.pt"}
    assert any("other.pt" in note and "not known" in note for note in asked.notes)


def test_strange_word_vectors_are_noticed(world, tmp_path):
    rng = np.random.default_rng(5)
    words = {word: rng.normal(size=D) for name in COLOURS for word in name.split()}
    strange = write_vectors(tmp_path / "strange.txt", words)
    notes = load_classifier(world["model"], "red sea, golden sky", strange).requested.notes
    assert any("not what the model was trained with" in note for note in notes)
    assert not load_classifier(
        world["model"], "red sea, golden sky", world["vectors"]
    ).requested.notes
    short = tmp_path / "short.txt"
    short.write_text("2 3\nred 1 2 3\nsea 3 2 1\n")
    with pytest.raises(UserError, match="vectors of 3 numbers"):
        load_classifier(world["model"], "red sea, sea red", short)


def test_new_words_need_the_vectors_and_the_error_says_which(world):
    with pytest.raises(UserError, match=r"word2vec, digest .*--word-vectors.*deep water"):
        load_classifier(world["model"], "blue sea, deep water")
    own = load_classifier(world["model"], "blue sea, red barn")
    assert own.requested.words == [[], []] and len(own.seen) == 2


def test_all_words_without_a_vector_are_named_at_once(world):
    with pytest.raises(UserError) as refusal:
        load_classifier(world["model"], "deep watr, zzyzx qwert, blue sea", world["vectors"])
    message = str(refusal.value)
    assert "'watr' (in 'deep watr'); near it: water" in message
    assert "'zzyzx' (in 'zzyzx qwert')" in message and "'qwert' (in" in message
    assert "name<TAB>words" in message
    assert "near it: water" in str(refusal.value)


@given(
    st.lists(st.floats(0, 2), min_size=2, max_size=6),
    st.lists(st.floats(0, 2), max_size=9),
)
def test_unsure_means_no_nearer_than_half_of_the_training_classes(near, trained):
    names = [f"class {k}" for k in range(len(near))]
    found = predictions(np.array([near]), np.array([trained]).reshape(1, -1), names)[0]
    nearer = sum(distance <= min(near) for distance in trained)
    assert found.distances == sorted(near)
    if nearer * 2 > len(trained):
        assert found.unsure
    if not trained or nearer * 2 < len(trained):
        assert not found.unsure


# Lists of classes and files


def test_classes_come_from_text_and_files(tmp_path):
    assert parse_classes(" a b,c ,") == {"a b": [], "c": []}
    file = tmp_path / "classes.txt"
    file.write_text("surfing\n\nriding a horse\triding horse\n")
    expected = {"surfing": [], "riding a horse": ["riding", "horse"]}
    assert read_classes(file) == expected
    file.write_text("class\twords\nsurfing\tsurf\nrunning\trun\n")
    assert read_classes(file) == {"surfing": ["surf"], "running": ["run"]}
    with pytest.raises(UserError, match="two classes"):
        parse_classes("one")
    with pytest.raises(UserError, match="'a' is there twice"):
        parse_classes("a, b, a")
    with pytest.raises(UserError, match="cannot be read"):
        read_classes(tmp_path / "absent")
    with pytest.raises(UserError, match=r"classes\.txt is a file: name it by --classes-file"):
        parse_classes(str(file))
    with pytest.raises(UserError, match="a control character in"):
        parse_classes("a, \x1b[2J")


def test_one_class_with_a_name_longer_than_any_files():
    with pytest.raises(UserError, match="at least two classes"):
        parse_classes("a" * 300)


@given(st.text())
def test_any_text_is_classes_or_a_mistake(text):
    try:
        classes = parse_classes(text)
    except UserError:
        return
    assert len(classes) > 1 and all(name.strip() == name and name for name in classes)


def test_classes_of_the_same_words_are_told():
    trained = Trained(["a", "b"], np.eye(2, 3, dtype=np.float32), "word2vec", "0" * 64, {})
    requested = embed_requested({"A": [], "a": [], "b": []}, trained, None)
    (note,) = requested.notes
    assert note.startswith("the classes 'A', 'a' have the same words (a)")


def test_folders_stand_for_the_videos_below_them(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a.mp4", "deep/b.AVI", "notes.txt"):
        (tmp_path / name).touch()
    a, b = tmp_path / "a.mp4", tmp_path / "deep/b.AVI"
    assert list(video_files([b, tmp_path, tmp_path / "notes.txt"])) == [
        b,
        a,
        tmp_path / "notes.txt",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no video"):
        list(video_files([tmp_path / "empty"]))


@pytest.mark.parametrize(
    "values",
    [
        *({"window_s": length} for length in (0, 1e-300, math.inf, math.nan)),
        *({"snippets": number} for number in (0, -1, 10**22)),
        {"stride_s": 1},
        {"batch_size": 0},
        {"workers": 10**6},
    ],
)
def test_readings_that_make_no_sense_are_refused(values):
    with pytest.raises(UserError):
        Reading(**values)


# What is written


def test_csv_json_and_page_hold_every_file(classifier, world, tmp_path):
    broken = tmp_path / "broken.avi"
    broken.write_text("x")
    paths = [world["videos"] / "blue.avi", broken]
    reading = Reading(snippets=1, window_s=1, pictures=3)
    results = list(classify_files(classifier, paths, reading))
    rows = list(csv.DictReader(as_csv(classifier, results, "m").splitlines()))
    assert [(row["path"], row["start_s"], row["end_s"]) for row in rows] == [
        (str(paths[0]), "0.00", "2.00"),
        (str(paths[0]), "0.00", "1.00"),
        (str(paths[0]), "1.00", "2.00"),
        (str(broken), "", ""),
    ]
    assert rows[0]["top1"] == "deep water" and rows[-1]["error"] == results[-1].reason
    values = json.loads(json.dumps(as_json(classifier, results, "m")))
    assert values["failures"] == [{"path": str(broken), "reason": results[-1].reason}]
    assert len(values["videos"][0]["windows"]) == 2
    page = prediction_page(values, [results[0].pictures])
    assert page.count("data:image/jpeg;base64,") == 3 and "{{data}}" not in page
    values["videos"][0]["path"] = "</script><!-- & <b>.mp4"
    odd = prediction_page(values, [results[0].pictures])
    assert "</script><!--" not in odd
    data = odd.partition('id="data">')[2].partition("</script>")[0]
    assert json.loads(data)["videos"][0]["path"] == values["videos"][0]["path"]


def command(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "unseen.prediction.command", *map(str, arguments)],
        cwd=SOURCE,
        capture_output=True,
        text=True,
    )


def test_exit_codes(world, tmp_path):
    options = ["predict", "--model", world["model"], "--word-vectors", world["vectors"]]
    options += ["--snippets", 1, "--device", "cpu", "--classes", ", ".join(UNSEEN)]
    output = tmp_path / "out.csv"
    done = command(*options, "--output", output, world["videos"], tmp_path / "absent.mp4")
    assert done.returncode == 3 and "absent.mp4: the file cannot be opened" in done.stderr
    assert [bool(row["error"]) for row in read_rows(output)] == [False, False, True]
    done = command(*options, world["videos"])
    assert done.returncode == 0 and "deep water" in done.stdout
    done = command(
        *options[:2], tmp_path / "model.safetensors", "--classes", "a, b", world["videos"]
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the model") and "Traceback" not in done.stderr
    assert command("predict").returncode == 2
    done = command(*options, tmp_path / "absent.mp4")
    assert done.returncode == 1 and "absent.mp4: the file cannot be opened" in done.stderr
    done = command(*options, "--windw", 3, world["videos"])
    assert done.returncode == 2 and "--windw; did you mean --window?" in done.stderr


OUTPUTS = {
    "out.xlsx": "--output {place}: .xlsx is no known ending (.txt, .csv, .json)",
    "out.CSV": ".CSV is no known ending",
    "out.html": "a page is --html",
    ".": "--output {place} is a folder: name a file in it",
    "file/out.csv": "--output {place} cannot be written: Not a directory",
    "file": "--output {place} is what the command reads: name another file",
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_places_are_tried_before_any_work(tmp_path, monkeypatch, name):
    """The model is no model: a message about it would mean that it was looked at first."""
    (tmp_path / "file").write_text("no model")
    place = tmp_path / name
    arguments = ["unseen", "predict", "--model", tmp_path / "file", "--classes", "a, b"]
    arguments += ["--output", place, tmp_path / "some.avi"]
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    with pytest.raises(UserError) as error:
        _main()
    assert OUTPUTS[name].format(place=place) in str(error.value)


def test_output_to_the_screen(world):
    options = ["predict", "--model", world["model"], "--word-vectors", world["vectors"]]
    options += ["--snippets", 1, "--device", "cpu", "--classes", ", ".join(UNSEEN)]
    path = world["videos"] / "blue.avi"
    done = [command(*options, "--output", place, path) for place in ("-", "/dev/stdout")]
    assert [one.returncode for one in done] == [0, 0]
    assert "deep water" in done[0].stdout and done[0].stdout == done[1].stdout
    assert not (SOURCE / "-").exists()


def test_an_interruption_keeps_what_was_done(world, tmp_path, monkeypatch, capsys):
    def interrupted(*given):
        yield next(classify_files(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr("unseen.prediction.classifier.classify_files", interrupted)
    output = tmp_path / "out.csv"
    arguments = ["unseen", "predict", "--model", world["model"], "--snippets", 1]
    arguments += ["--word-vectors", world["vectors"], "--classes", ", ".join(UNSEEN)]
    arguments += ["--output", output, world["videos"] / "blue.avi", world["videos"] / "gold.avi"]
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    assert _main() == 130
    assert len(read_rows(output)) == 1
    said = capsys.readouterr().err
    assert f"interrupted: 1 of 2 files were done; their results are written to {output}" in said


def test_a_full_disk_loses_nothing(tmp_path, capsys):
    with pytest.raises(UserError, match="No space left on device"):
        _write(Path("/dev/full"), "the results")
    assert capsys.readouterr().out == "the results"


def test_a_reader_may_go_away():
    """As `| head` does."""
    lines = (
        "from unseen.base.errors import run; run(lambda: [print('x' * 99) for _ in range(9999)])"
    )
    call = subprocess.Popen(
        [sys.executable, "-c", lines],
        cwd=SOURCE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    call.stdout.readline()
    call.stdout.close()
    assert call.stderr.read() == b"" and call.wait() == 141


@pytest.mark.parametrize("factor", [255.0, -1.0])
def test_floats_of_another_range_are_refused(classifier, factor):
    frames = torch.rand(20, 3, 48, 64) * 0.5 + 0.5
    with pytest.raises(ValueError, match=r"lie in 0\.\.1"):
        classifier.classify_frames(frames * factor, snippets=1)


def test_frames_of_any_kind_of_array(classifier):
    frames = np.random.default_rng(0).integers(0, 256, (20, 3, 48, 64), dtype=np.uint8)
    expected = classifier.classify_frames(torch.from_numpy(frames), snippets=1)
    assert classifier.classify_frames(frames, snippets=1) == expected
    assert classifier.classify_frames(frames[::-1][::-1], snippets=1) == expected
    shares = frames / np.float32(255)
    for same in (shares, torch.from_numpy(shares), shares.tolist(), shares.astype(np.float64)):
        found = classifier.classify_frames(same, snippets=1)
        assert found.classes == expected.classes
        assert found.distances == pytest.approx(expected.distances, abs=1e-4)


BYTES = np.zeros((20, 3, 48, 64), np.uint8)


@pytest.mark.parametrize(
    ("frames", "kind", "said"),
    [
        (BYTES.astype(np.int64), ValueError, "uint8 or floating point 0..1, not torch.int64"),
        (BYTES.tolist(), ValueError, "uint8 or floating point 0..1, not torch.int64"),
        (BYTES > 0, ValueError, "uint8 or floating point 0..1, not torch.bool"),
        (BYTES * np.float32(np.nan), ValueError, "lie in 0..1; these reach from nan"),
        (BYTES.transpose(0, 2, 3, 1), ValueError, "transpose them by (0, 3, 1, 2)"),
        (BYTES[0], ValueError, "(L, 3, H, W), not (3, 48, 64)"),
        (BYTES[:0], ValueError, "(L, 3, H, W), not (0, 3, 48, 64)"),
        (BYTES[..., :0], ValueError, "(L, 3, H, W), not (20, 3, 48, 0)"),
        ([BYTES[0], BYTES[0, :, :8]], TypeError, "all of one size, not this list"),
        ("film.mp4", TypeError, "array of numbers (L, 3, H, W), all of one size, not this str"),
        (None, TypeError, "not this NoneType"),
        (BYTES.astype(object), TypeError, "not this ndarray"),
    ],
)
def test_frames_that_are_none_are_refused(classifier, frames, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        classifier.classify_frames(frames, snippets=1)


@pytest.mark.parametrize("snippets", [0, -1, 2.5, "2"])
def test_snippets_of_frames_are_a_whole_number(classifier, snippets):
    with pytest.raises(ValueError, match="snippets are a whole number"):
        classifier.classify_frames(BYTES, snippets=snippets)


@pytest.mark.parametrize(
    "classes",
    [
        "a b, c",
        ["a b", "c"],
        ("a b", "c"),
        iter(["a b", "c"]),
        {"a b": "", "c": []},
        np.array(["a b", "c"]),
    ],
)
def test_classes_of_any_kind(classes):
    assert wanted_classes(classes) == {"a b": [], "c": []}


def test_a_mapping_of_classes_gives_their_words():
    wanted = {"a": "some words", "b": ["more"]}
    assert wanted_classes(wanted) == {"a": ["some", "words"], "b": ["more"]}


@pytest.mark.parametrize(
    ("classes", "kind", "said"),
    [
        (None, TypeError, "classes are names, not NoneType"),
        (7, TypeError, "classes are names, not int: 7"),
        (b"a,b", TypeError, "classes are names, not bytes"),
        (["a", 1], TypeError, "a class is a text, not int: 1"),
        ([["a"], ["b"]], TypeError, "a class is a text, not list"),
        ({0: "archery", 1: "surfing"}, TypeError, "a mapping goes from names to words"),
        (
            {"archery": 0, "surfing": 1},
            TypeError,
            "the words of the class 'archery' are texts, not int",
        ),
        ({"archery": None, "surfing": "surf"}, TypeError, "not NoneType"),
        (["a", "a"], UserError, "the class 'a' is there twice"),
        (["a", " "], UserError, "' ' is no name"),
        (["a", "b\n"], UserError, "a control character"),
        (["a"], UserError, "at least two classes are needed to choose from"),
        ([], UserError, "at least two classes"),
        ("", UserError, "at least two classes"),
    ],
)
def test_classes_that_are_none_are_refused(classes, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        wanted_classes(classes)


def test_values_of_python_that_make_no_sense(world, classifier):
    for keys, said in (
        ({"threshold": float("nan")}, "threshold"),
        ({"likeliest": 0}, "likeliest"),
        ({"device": "gpu"}, "device: gpu"),
        ({"dtype": "float16"}, "dtype: float16"),
    ):
        with pytest.raises(UserError, match=said):
            load_classifier(world["model"], UNSEEN, world["vectors"], **keys)
    with pytest.raises(TypeError, match="a list of files"):
        list(classify_files(classifier, "holiday.mp4"))


def test_files_of_impossible_names_are_failures(classifier):
    """Each with its reason, whatever it is called."""
    names = ["x" * 300, "a/" * 3000, "", "no\0name", "/dev/null", "/proc/self/mem", "loop\udcff"]
    results = list(classify_files(classifier, names))
    assert [type(result) for result in results] == [Failure] * len(names)
    assert all(result.reason for result in results)


def test_file_names_of_any_bytes_cost_nobody_anything(world, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "blue.avi").symlink_to(world["videos"] / "blue.avi")
    for name in (b"\xff.avi", b"line\nend \x1b[2J.avi"):
        odd = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        odd.write_bytes((world["videos"] / "blue.avi").read_bytes())
    (folder / os.fsdecode(b"broken \xfe.avi")).write_text("x")
    options = ["predict", "--model", world["model"], "--word-vectors", world["vectors"]]
    options += ["--snippets", 1, "--device", "cpu", "--classes", ", ".join(UNSEEN)]
    for form in ("csv", "json", "table"):
        done = command(*options, "--format", form, "--html", tmp_path / "page.html", folder)
        assert done.returncode == 3 and "Traceback" not in done.stderr
        for name in ("blue.avi", r"\xff.avi", r"line\x0aend \x1b[2J.avi", r"broken \xfe.avi"):
            told = name.replace("\\", "\\\\") if form == "json" else name
            assert told in done.stdout
        assert "\x1b" not in done.stdout and r"cannot read " in done.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8")


def test_models_are_listed_with_their_scores(world, tmp_path):
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    assert model_lines(world["model"], metrics)[-1] == "  not scored"
    columns = "protocol,split,classes,videos,rejected,missing,snippets,top1,top5"
    rows = ["2,all,23,184,0,0,1,10.0,50.0", "2,all,23,184,0,0,25,20.0,60.0"]
    rows += ["unseen,all,9,70,0,0,25,40.0,90.0"]
    (metrics / "mine.csv").write_text("\n".join([columns, *rows]) + "\n")
    (metrics / "mine_per_class.csv").write_text("class\n")
    lines = model_lines(world["model"], metrics)
    assert "r2plus1d_10" in lines[1] and "7 training classes" in lines[1]
    assert lines[2:] == [
        "  mine: top-1 20.0%, top-5 60.0% of 184 videos in 23 classes (25 snippets)"
    ]


def test_hostile_names_are_data_in_every_form(classifier, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("classes.txt").write_text("=1+1\tdeep water\n<b>|$x$\tdry straw\n")
    Path("=1+1,<i>.avi").symlink_to(world["videos"] / "blue.avi")
    Path("@broken.avi").write_text("x")
    files = [Path("=1+1,<i>.avi"), Path("@broken.avi")]
    hostile = load_classifier(
        world["model"], read_classes(Path("classes.txt")), world["vectors"], device="cpu"
    )
    results = list(classify_files(hostile, files, Reading(snippets=1)))
    Path("out.csv").write_text(as_csv(hostile, results, "model"))
    with Path("out.csv").open(newline="") as stream:
        raw = [cell for line in csv.reader(stream) for cell in line]
    assert not [cell for cell in raw if cell.startswith(("=", "+", "@"))]
    first, second = read_rows("out.csv")
    assert (first["path"], first["top1"], first["top2"]) == (str(files[0]), "=1+1", "<b>|$x$")
    assert second["path"] == str(files[1])
    assert as_json(hostile, results, "model")["videos"][0]["path"] == str(files[0])


def test_the_model_files_own_names_order_no_terminal(classifier, world):
    seen = {UNSEEN[0]: Seen("a\x1b[2J\x9bb", 0.01, "training")}
    odd = replace(classifier, requested=replace(classifier.requested, seen=seen))
    results = list(classify_files(odd, [world["videos"] / "blue.avi"], Reading(snippets=1)))
    assert r"= a\x1b[2J\x9bb (training" in as_table(odd, results, "model")
    assert "\x1b" not in as_table(odd, results, "model")
    assert "\x9b" not in WRITERS["json"](odd, results, "model")
