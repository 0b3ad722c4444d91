"""Classes that depend on the video: compared where the videos are at hand, scored like any other."""

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from dual_models import FRAMES, NAMES, save_dual
from small_results import make_shard

from unseen.base.errors import UserError
from unseen.base.tabular import write_rows
from unseen.classes.class_list import write_class_list
from unseen.network.dual import make_dual_model
from unseen.network.dual_texts import encode_prompts, read_class_texts
from unseen.network.inference import embed_videos
from unseen.network.methods import load_model
from unseen.results.scoring import Outputs, score
from unseen.videos.clip_store import ClipStore
from unseen.videos.loading import to_network_input, video_batches

CLIPS = [f"{number}.avi" for number in range(4)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file, a clip store and the texts of three classes."""
    pytest.importorskip("transformers")
    base = tmp_path_factory.mktemp("xclip")
    model = save_dual("xclip", base / "model")
    make_dual_model(model, base / "model.safetensors")
    make_shard(base / "clips.h5", CLIPS)
    write_class_list(base / "classes.tsv", {name: ["word"] for name in NAMES})
    encode_prompts(base / "classes.tsv", model, base / "texts.h5", prompts=["{}", "so {}"])
    embed(base, {"tests": base / "texts.h5"})
    return base


def embed(folder: Path, texts: dict[str, Path]) -> None:
    embed_videos(
        folder / "model.safetensors",
        {"tests": [folder / "clips.h5"]},
        {"tests": folder / "videos.h5"},
        snippets=3,
        scheme="linear",
        batch_size=4,
        device="cpu",
        dtype="float32",
        workers=0,
        class_texts=texts,
    )


def test_cosines_are_those_of_each_videos_own_classes(folder: Path) -> None:
    network, content = load_model(folder / "model.safetensors")
    names, texts = read_class_texts(folder / "texts.h5")
    store = ClipStore([folder / "clips.h5"])
    settings = {key: content["input"][key] for key in ("crop", "mean", "std")}
    with h5py.File(folder / "videos.h5") as file, torch.inference_mode():
        assert list(file["classes"].asstr()[:]) == names == NAMES
        assert file["features"].shape == (len(CLIPS), 3, network.feature_dim)
        batches = video_batches(store, np.arange(len(CLIPS)), frames=FRAMES, snippets=3)
        for clips, batch in batches:
            snippets = to_network_input(batch, training=False, **settings)
            encoded = network.visual_encoder(snippets)
            cosines = network.compare(encoded, torch.from_numpy(texts))[1]
            cosines = cosines.view(len(clips), 3, -1).numpy()
            np.testing.assert_allclose(file["cosines"][clips], cosines.mean(axis=1), atol=1e-5)
            np.testing.assert_allclose(file["cosines_1"][clips], cosines[:, 1], atol=1e-5)


def scored(folder: Path, labels: dict[str, str], **options: int) -> list[dict[str, str]]:
    columns = ["clip_id", "class"]
    rows = [dict(zip(columns, item, strict=True)) for item in labels.items()]
    write_rows(folder / "labels.csv", columns, rows)
    for name in ("rejected", "missing"):
        write_rows(folder / f"{name}.csv", ["clip_id", "path", "class", "reason"], [])
    score(
        folder / "videos.h5",
        folder / "texts.h5",
        folder / "labels.csv",
        folder / "rejected.csv",
        folder / "missing.csv",
        Outputs(folder / "predictions.csv", folder / "metrics.csv"),
        **options,
    )
    with (folder / "predictions.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_the_nearest_class_is_the_one_of_the_largest_cosine(folder: Path) -> None:
    rows = scored(folder, dict.fromkeys(CLIPS, NAMES[0]))
    permuted = scored(folder, dict.fromkeys(CLIPS, NAMES[0]), permute=1)
    dealt = np.random.default_rng(1).permutation(len(NAMES))
    with h5py.File(folder / "videos.h5") as file:
        ids, cosines = list(file["clip_id"].asstr()[:]), file["cosines"][:]
    names = sorted(NAMES)
    order = [NAMES.index(name) for name in names]
    for row, other in zip(rows, permuted, strict=True):
        own = cosines[ids.index(row["clip_id"])][order]
        assert row["top1"] == names[own.argmax()]
        assert float(row["distance1"]) == pytest.approx(1 - own.max(), abs=1e-5)
        assert other["top1"] == names[own[dealt].argmax()]


def test_videos_that_were_compared_with_other_classes_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    write_class_list(tmp_path / "classes.tsv", {name: ["word"] for name in ["a", "b"]})
    encode_prompts(tmp_path / "classes.tsv", folder / "model", tmp_path / "texts.h5")
    (tmp_path / "videos.h5").symlink_to(folder / "videos.h5")
    (tmp_path / "videos.h5.sha256").symlink_to(folder / "videos.h5.sha256")
    with pytest.raises(UserError, match="compared with other classes"):
        scored(tmp_path, dict.fromkeys(CLIPS, "a"))


def test_without_texts_there_is_nothing_to_compare(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give --class-texts"):
        embed(folder, {})
