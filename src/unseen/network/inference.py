"""Videos to features and embeddings: everything that scoring needs, so that it needs no network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from unseen.base.devices import Arithmetic, arithmetic, in_words, pick_device, pick_dtype
from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.base.hdf5 import new_hdf5
from unseen.base.progress import progress_bar
from unseen.network.classifiers import load_classifier
from unseen.network.dual import DualNetwork
from unseen.network.dual_texts import read_class_texts
from unseen.network.methods import load_model
from unseen.network.model_file import ModelContent
from unseen.network.video_embeddings import (
    embed_features,
    write_array,
    write_class_encoder,
    write_clip_ids,
)
from unseen.network.zero_shot_network import ZeroShotNetwork, encode_snippets
from unseen.videos.clip_store import ClipStore
from unseen.videos.loading import SnippetBatch, to_network_input, video_batches

Array = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


def embed_videos(
    model: Path,
    shards: Mapping[str, Sequence[Path]],
    outputs: Mapping[str, Path],
    *,
    snippets: int,
    scheme: str,
    batch_size: int,
    device: str = "auto",
    dtype: str = "auto",
    workers: int = 2,
    frame_rate: float | None = None,
    class_texts: Mapping[str, Path] | None = None,
) -> None:
    """Embed the stored videos of each data set in `outputs`: write its file and the digest beside,
    and in a `.txt` what was computed with what.

    `snippets` is T, `scheme` one of `sampling.SCHEMES`, `batch_size` the snippets that the network
    takes at a time, `frame_rate` frames a second (None: the model's own, or else frames one by
    one). A file holds, for N videos, `clip_id` (N,), `features` (N, T, F) float32,
    `embedding` (N, D) of the averaged features and `embedding_1` (N, D) of the single snippet that
    the scheme takes. A network with a projection head on the side of the classes adds
    `class_encoder/`: `weight_0`, `bias_0`, `weight_1`, `bias_1` of its two layers, a ReLU between
    them, by which class embeddings come into the videos' space, to be scaled to unit length there.

    Of a network whose classes depend on the video, `class_texts` are the files of `encode_prompts`
    by data set, and a file holds `classes` (C) and the cosines of the videos to them, `cosines`
    (N, C), the mean over the snippets, and `cosines_1` of the single snippet. Raises UserError
    where there are none.
    """
    picked = pick_device(device)
    network, content = load_model(model, picked)
    if network.semantic_encoder is None:
        raise UserError(f"{model} is a plain classifier: it has no embedding of videos to score")
    reading: dict[str, Any] = {
        "frames": content["input"]["frames"],
        "frame_rate": frame_rate or content["input"].get("frame_rate"),
        "workers": workers,
        "batch_size": batch_size,
    }
    encode = partial(
        visual_features,
        network,
        input_settings=content["input"],
        dtype=pick_dtype(dtype, picked),
        device=picked,
    )
    computed = _in_words(content, arithmetic(picked, pick_dtype(dtype, picked)))
    for dataset, output in outputs.items():
        store = ClipStore(shards.get(dataset, []))
        answer, classes = _comparing(network, encode, (class_texts or {}).get(dataset))
        videos = partial(_encoded_videos, store, answer, scheme=scheme, **reading)
        with new_hdf5(output) as file:
            file.attrs.update(snippets=snippets, scheme=scheme)
            write_clip_ids(file, store.clip_ids)
            means, singles = _write_features(
                file, videos, len(store), network.feature_dim, len(classes), f"embedding {dataset}"
            )
            for ending, values in {"": means, "_1": singles}.items():
                features, cosines = np.split(values, [network.feature_dim], axis=1)
                write_array(file, f"embedding{ending}", embed_features(network, features, picked))
                if classes:
                    write_array(file, f"cosines{ending}", cosines)
            if classes:
                file.create_dataset("classes", data=classes, dtype=h5py.string_dtype())
            write_class_encoder(file, network)
        with atomic(output.with_suffix(".txt")) as temporary:
            temporary.write_text(f"{computed}\n", encoding="utf-8")


def classify_videos(
    source: str | Path,
    shards: Sequence[Path],
    output: Path,
    *,
    input_settings: Mapping[str, Any] | None = None,
    snippets: int,
    scheme: str,
    batch_size: int,
    device: str = "auto",
    dtype: str = "auto",
    workers: int = 2,
    frame_rate: float | None = None,
) -> None:
    """Write the probabilities that a classifier gives a data set's stored videos, and the digest
    beside them: all that a run of method convex needs of its network.

    `source` as `classifiers.load_classifier` takes it, `input_settings` replace parts of its own
    input, the others are those of `embed_videos`. For N videos and S classes the file holds
    `clip_id` (N,), `features` (N, T, S) float32, the probabilities a snippet, `probabilities`
    (N, S), their means, and `probabilities_1` (N, S) of the single snippet.
    """
    picked = pick_device(device)
    classifier = load_classifier(source)
    settings = {**classifier.input, **(input_settings or {})}
    network = ZeroShotNetwork(
        classifier.encoder.to(picked).requires_grad_(False),
        None,
        nn.Identity(),
        feature_dim=len(classifier.classes),
        settings={},
    )
    used = pick_dtype(dtype, picked)
    encode = partial(visual_features, network, input_settings=settings, dtype=used, device=picked)
    store = ClipStore(shards)
    videos = partial(
        _encoded_videos,
        store,
        encode,
        scheme=scheme,
        frames=settings["frames"],
        frame_rate=frame_rate or settings.get("frame_rate"),
        workers=workers,
        batch_size=batch_size,
    )
    with new_hdf5(output) as file:
        computed = f"embedded in {in_words(arithmetic(picked, used))}"
        file.attrs.update(snippets=snippets, scheme=scheme, computed=computed)
        write_clip_ids(file, store.clip_ids)
        means, singles = _write_features(
            file, videos, len(store), network.feature_dim, 0, f"classify {output.stem}"
        )
        write_array(file, "probabilities", means)
        write_array(file, "probabilities_1", singles)


def _comparing(
    network: ZeroShotNetwork, encode: Callable[[SnippetBatch], Tensor], texts: Path | None
) -> tuple[Callable[[SnippetBatch], Tensor], list[str]]:
    """What encodes a batch, and the classes that it is compared with at once: (B, F + C), the
    features and the cosines. None but where the classes depend on the video."""
    if not depends_on_video(network):
        return encode, []
    if texts is None:
        raise UserError("this model's classes depend on the video: give --class-texts")
    classes, values = read_class_texts(texts)
    known = torch.from_numpy(values).to(next(network.parameters()).device)
    return lambda batch: compared(network, encode(batch), known), classes


def depends_on_video(network: ZeroShotNetwork) -> bool:
    """Whether the classes' embeddings depend on the video, as X-CLIP's do."""
    return isinstance(network, DualNetwork) and network.of_videos


def compared(network: ZeroShotNetwork, encoded: Tensor, texts: Tensor) -> Tensor:
    """What the visual encoder of such a network gave (B, F') with the classes' texts (C, Q, D): the
    features (B, F) and behind them the cosines (B, C)."""
    assert isinstance(network, DualNetwork)
    return torch.cat(network.compare(encoded, texts), dim=1)


def _in_words(model: ModelContent, embedding: Arithmetic) -> str:
    """What the numbers of a run on a test set were computed with."""
    parts = [f"trained in {in_words(model.get('arithmetic'))}"]
    if "features" in model:
        parts.append(f"on features in {in_words(model['features'])}")
    return ", ".join([*parts, f"embedded in {in_words(embedding)}"])


@torch.inference_mode()
def visual_features(
    network: ZeroShotNetwork,
    batch: SnippetBatch,
    *,
    input_settings: Mapping[str, Any],
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """f_v of the centre crops of a batch: (B, F) float32 on the device."""
    snippets = to_network_input(
        batch,
        training=False,
        device=device,
        dtype=dtype,
        **{key: input_settings[key] for key in ("crop", "mean", "std")},
    )
    snippets = snippets.contiguous(memory_format=torch.channels_last_3d)
    return encode_snippets(network, snippets, dtype)


def _encoded_videos(
    store: ClipStore, encode: Callable[[SnippetBatch], Tensor], *, snippets: int, **reading: Any
) -> Iterator[tuple[Positions, Array]]:
    """Positions (V,) and features (V, T, F) of a store's videos, in order.

    A batch is fetched from the device when the next one is on its way there.
    """

    def fetch(clips: Positions, features: Tensor) -> tuple[Positions, Array]:
        return clips, features.cpu().numpy().reshape(len(clips), snippets, -1)

    waiting = None
    for clips, batch in video_batches(store, np.arange(len(store)), snippets=snippets, **reading):
        features = encode(batch)
        if waiting:
            yield fetch(*waiting)
        waiting = clips, features
    if waiting:
        yield fetch(*waiting)


def _write_features(
    file: h5py.File,
    videos: Callable[..., Iterator[tuple[Positions, Array]]],
    count: int,
    feature_dim: int,
    classes: int,
    desc: str,
) -> tuple[Array, Array]:
    """Write all features; return (N, F + C) the means of features and of cosines to C classes, and
    those of the single snippet.

    The single snippet is the middle one of an odd number of linearly spaced ones. Where there is
    no such one the videos are read again for it.
    """
    snippets, scheme = int(file.attrs["snippets"]), file.attrs["scheme"]
    middle = snippets // 2 if scheme == "linear" and snippets % 2 else None
    features = file.create_dataset(
        "features", (count, snippets, feature_dim), np.float32, track_times=False
    )
    means, singles = np.zeros((2, count, feature_dim + classes), np.float32)
    with progress_bar(total=count, desc=desc, unit="video") as bar:
        for clips, values in videos(snippets=snippets):
            features[clips[0] : clips[-1] + 1] = values[..., :feature_dim]
            means[clips] = values.mean(axis=1)
            if middle is not None:
                singles[clips] = values[:, middle]
            bar.update(len(clips))
    if middle is None:
        for clips, values in videos(snippets=1):
            singles[clips] = values[:, 0]
    return means, singles
