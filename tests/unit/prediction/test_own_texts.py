"""`unseen predict` with the folder of a model of pictures and texts: what the pipeline measures."""

import sys
from pathlib import Path

import numpy as np
import pytest
from dual_models import SIZE, save_dual
from videos import write_video

from unseen.base.errors import UserError
from unseen.classes.class_list import write_class_list
from unseen.network.dual import make_dual_model
from unseen.network.dual_folder import find_dual
from unseen.network.dual_texts import encode_prompts
from unseen.network.inference import embed_videos
from unseen.prediction.classifier import Reading, load_classifier
from unseen.prediction.command import _main
from unseen.results.test_set import class_distances, read_classes, read_videos
from unseen.videos.decode_shard import decode_shard
from unseen.videos.settings import ClipSettings

NAMES = ["Archery", "riding a horse", "ApplyEyeMakeup"]
PROMPTS = ["so {}", "{}!"]
SNIPPETS = 3
KINDS = ("clip", "siglip2", "xclip")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("transformers")
    base = tmp_path_factory.mktemp("texts")
    return {kind: save_dual(kind, base / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = np.random.default_rng(1).integers(0, 255, (20, 48, 64, 3)).astype(np.uint8)
    return write_video(tmp_path_factory.mktemp("video") / "a.avi", kind="mpeg4", frames=frames)


def of_the_pipeline(
    folder: Path, video: Path, place: Path, prompts: list[str] | None
) -> dict[str, float]:
    """The distance of each class as a run of the folder has it; the store loses nothing."""
    place.mkdir()
    (place / "000.csv").write_text("clip_id,path,start_s,end_s,fingerprint\na,a.avi,,,\n")
    own = {key: find_dual(folder).input[key] for key in ("short_side", "resampling")}
    settings = ClipSettings(codec="h264", quality=0, **own)
    decode_shard(place / "000.csv", video.parent, place / "000.h5", settings, workers=1)
    write_class_list(place / "classes.tsv", {name: ["a", "word"] for name in NAMES})
    encode_prompts(place / "classes.tsv", folder, place / "texts.h5", prompts=prompts)
    make_dual_model(folder, place / "model.safetensors")
    embed_videos(
        place / "model.safetensors",
        {"mine": [place / "000.h5"]},
        {"mine": place / "videos.h5"},
        class_texts={"mine": place / "texts.h5"},
        snippets=SNIPPETS,
        scheme="linear",
        batch_size=2,
        device="cpu",
        workers=0,
    )
    videos, (classes, vectors) = read_videos(place / "videos.h5"), read_classes(place / "texts.h5")
    order = np.arange(len(classes))
    found = class_distances(place / "videos.h5", videos, classes, vectors, order)[SNIPPETS]
    return dict(zip(classes, found[0].tolist(), strict=True))


@pytest.mark.parametrize("prompts", [None, PROMPTS], ids=["plain", "several"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_distances_are_those_of_the_pipeline_s_run(
    folders: dict[str, Path], video: Path, tmp_path: Path, kind: str, prompts: list[str] | None
) -> None:
    expected = of_the_pipeline(folders[kind], video, tmp_path / "run", prompts)
    classifier = load_classifier(folders[kind], NAMES, device="cpu", prompts=prompts)
    prediction = classifier.classify_file(video, Reading(snippets=SNIPPETS)).prediction
    found = dict(zip(prediction.classes, prediction.distances, strict=True))
    assert found == pytest.approx(expected, abs=1e-5)
    assert prediction.distances == sorted(found.values())
    assert prediction.distances[-1] - prediction.distances[0] > 1e-3  # they do tell classes apart
    assert (prediction.usual, prediction.unsure, classifier.seen) == (None, False, {})


@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_windows_are_answered_too(
    folders: dict[str, Path], video: Path, kind: str
) -> None:
    classifier = load_classifier(folders[kind], NAMES, device="cpu")
    along = classifier.classify_file(video, Reading(window_s=0.4, snippets=1))
    assert len(along.windows) == 2
    frames = np.random.default_rng(1).integers(0, 255, (20, 3, SIZE, SIZE)).astype(np.uint8)
    assert sorted(classifier.classify_frames(frames, snippets=2).classes) == sorted(NAMES)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | None:
    monkeypatch.setattr(sys, "argv", ["unseen", "predict", *map(str, arguments)])
    return _main()


def test_the_command_reads_a_folder(
    folders: dict[str, Path],
    video: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    classes = ["--classes", "Archery, riding a horse", "--prompt", "so {}", "--prompt", "{}!"]
    assert call(monkeypatch, "--model", folders["xclip"], *classes, video) == 0
    shown = capsys.readouterr().out
    classifier = load_classifier(folders["xclip"], "Archery, riding a horse", prompts=PROMPTS)
    best = classifier.classify_file(video).prediction
    assert f"1. {best.classes[0]}" in shown and f"{best.distances[0]:.3f}" in shown
    assert "unsure" not in shown and "seen" not in shown


def test_what_a_folder_has_no_use_for(
    folders: dict[str, Path], video: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = ["--model", folders["clip"], "--classes", "Archery, surfing"]
    for option, message in (
        (["--word-vectors", video], "has a text encoder of its own: no word vectors are read"),
        (["--prompt", "a photo"], r"the prompt 'a photo' has no \{\}"),
        (["--likeliest", "3"], "is no classifier: likeliest"),
    ):
        with pytest.raises(UserError, match=message):
            call(monkeypatch, *model, *option, video)
    with pytest.raises(UserError, match=r"prompts are for the folder of a model"):
        load_classifier("efficientnet_lite2", "a, b", video, prompts=["{}"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty has no config\.json"):
        call(monkeypatch, "--model", tmp_path / "empty", "--classes", "a, b", video)


def test_the_model_file_of_a_run_is_without_its_texts(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    make_dual_model(folders["clip"], tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="is without its text encoder: name the folder"):
        load_classifier(tmp_path / "model.safetensors", "riding, surfing")


def test_words_beside_names_are_said_not_to_be_read(folders: dict[str, Path]) -> None:
    classifier = load_classifier(folders["clip"], {"a horse": ["ride"], "aHorse": []}, device="cpu")
    same, unread = classifier.requested.notes
    assert "'a horse', 'aHorse' have the same words" in same
    assert "words beside the classes' names are not read" in unread
