"""A trained model on anybody's videos and classes: the nearest of the classes that were asked for.

    from unseen.prediction import load_classifier
    names = ["riding a horse", "surfing"]
    classifier = load_classifier("model.safetensors", names, "googlenews.bin")
    prediction = classifier.classify_file("holiday.mp4").prediction
    print(prediction.classes[0], prediction.distances[0], prediction.unsure)
    print(classifier.classify_frames(frames).classes[:5])  # (L, 3, H, W) uint8, or 0..1

A zero-shot model always answers something. A prediction is therefore called *unsure* when its best
class is no nearer than classes usually are: than half of the classes that the model was trained on
are to this very video. This needs nothing but the model file, and follows each video: one that lies
near to everything must lie nearer to its class. Under a convex combination a video lies among the
weights' own classes by construction, so that half of them are no measure there: its best class is
compared with the nearest of as many of these as were asked for, drawn at random.
"""

import io
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from unseen.base.devices import autocast, pick_device, pick_dtype
from unseen.base.errors import UserError
from unseen.base.names import shown
from unseen.classes.overlap import distances
from unseen.network.convex import LIKELIEST, METHOD, convex_network
from unseen.network.inference import embed_features, visual_features
from unseen.network.methods import load_model
from unseen.network.model_file import ModelContent
from unseen.network.published import find_published
from unseen.network.zero_shot_network import ZeroShotNetwork
from unseen.prediction.requested_classes import (
    OVERLAP_THRESHOLD,
    Requested,
    Seen,
    Trained,
    embed_beside,
    embed_requested,
    parse_classes,
)
from unseen.results.nearest import cosine_distances
from unseen.videos.clip_store import ClipStore
from unseen.videos.encoding import EncodedClip
from unseen.videos.loading import read_batch
from unseen.videos.probing import VideoError
from unseen.videos.sampling import frames_at_rate, test_indices
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import StoredClip, write_shard
from unseen.videos.transcoding import transcode
from unseen.videos.windows import Part, duration, windows

Array = npt.NDArray[np.float32]
Item = TypeVar("Item")
Result = TypeVar("Result")

SNIPPETS = 25
"""Snippets of a video, as in the paper's tests."""
WINDOW_SNIPPETS = 5
"""Snippets of each window of a long video."""
PICTURE_HEIGHT = 96
JPEG_QUALITY = 70
TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Prediction:
    """The classes by nearness with their cosine distances (0..2); `usual` is the distance from
    which on the best class makes it `unsure`, None for a model without training classes."""

    classes: list[str]
    distances: list[float]
    usual: float | None

    @property
    def unsure(self) -> bool:
        return self.usual is not None and self.distances[0] >= self.usual


@dataclass(frozen=True)
class Window:
    """A part of a video, in seconds from its beginning, and its prediction."""

    start_s: float
    end_s: float
    prediction: Prediction


@dataclass(frozen=True)
class Video:
    """A video's prediction, those of its windows along time if asked for, and JPEGs of frames."""

    path: str
    duration_s: float
    prediction: Prediction
    windows: list[Window] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Failure:
    """A file that could not be predicted, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """How videos are read.

    `snippets` a video (or a window), `window_s` and `stride_s` the length of a window and from one
    to the next in seconds (None: none), `pictures` the JPEGs to keep a video, `batch_size` the
    snippets that the network takes at a time, `workers` the ffmpeg processes at a time.
    """

    snippets: int | None = None
    window_s: float | None = None
    stride_s: float | None = None
    pictures: int = 0
    batch_size: int = 50
    workers: int = 2

    def __post_init__(self) -> None:
        for name in ("snippets", "window_s", "stride_s", "batch_size", "workers"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"{name.removesuffix('_s')} must be more than 0, not {value}")
        if self.stride_s is not None and self.window_s is None:
            raise UserError("a stride needs the length of a window: --window SECONDS")

    @property
    def snippets_each(self) -> int:
        return self.snippets or (WINDOW_SNIPPETS if self.window_s else SNIPPETS)


@dataclass(frozen=True)
class Classifier:
    """A network and the classes that it chooses among.

    `class_vectors` (U, D) and `trained_vectors` (C, D) lie in the space of the videos' embeddings.
    """

    network: ZeroShotNetwork
    input_settings: Mapping[str, Any]
    requested: Requested
    class_vectors: Array
    trained_vectors: Array
    device: torch.device
    dtype: torch.dtype

    @property
    def seen(self) -> dict[str, Seen]:
        """Requested classes that are no new ones for the model, with the class that they equal."""
        return self.requested.seen

    def classify_file(self, path: Path | str, reading: Reading | None = None) -> Video:
        """Classify one video. Raises VideoError with the reason when it cannot be read."""
        result = next(classify_files(self, [path], reading))
        if isinstance(result, Failure):
            raise VideoError(result.reason)
        return result

    def classify_frames(
        self, frames: npt.ArrayLike | Tensor, snippets: int = SNIPPETS
    ) -> Prediction:
        """Classify a video given as its frames (L, 3, H, W) RGB, uint8 or floating point 0..1.

        Raises ValueError for frames of another shape or range.
        """
        pixels = frames if isinstance(frames, Tensor) else torch.from_numpy(np.array(frames))
        features = self._encode(frame_snippets(pixels, self.input_settings, snippets))
        return self.nearest(features.mean(axis=0, keepdims=True))[0]

    def nearest(self, features: Array) -> list[Prediction]:
        """The predictions for averaged features (V, F)."""
        embeddings = embed_features(self.network, features, self.device)
        return predictions(
            cosine_distances(embeddings, self.class_vectors),
            cosine_distances(embeddings, self.trained_vectors),
            self.requested.names,
            share=self.usual_share,
        )

    @property
    def usual_share(self) -> float:
        """The share of the training classes that are nearer to a video than it usually is to its
        best class; of a convex combination that below which the nearest of U random ones lies in
        half of all draws."""
        if self.network.settings.get("method") != METHOD:
            return 0.5
        return float(1 - 0.5 ** (1 / len(self.requested.names)))

    @torch.inference_mode()
    def _encode(self, snippets: Tensor) -> Array:
        """f_v of network inputs (T, 3, L, crop, crop): (T, F)."""
        batch = snippets.to(self.device).contiguous(memory_format=torch.channels_last_3d)
        with autocast(self.device, self.dtype):
            features: Array = self.network.visual_encoder(batch).float().cpu().numpy()
        return features


def load_classifier(
    model: Path | str,
    classes: str | Iterable[str] | Mapping[str, str | Sequence[str]],
    word_vectors: Path | str | None = None,
    *,
    threshold: float = OVERLAP_THRESHOLD,
    device: str = "auto",
    dtype: str = "auto",
    likeliest: int = LIKELIEST,
    centre: bool = False,
    leave_out_seen: bool = False,
) -> Classifier:
    """A model that chooses among `classes`: names (also as one text, separated by commas), or a
    mapping from names to the words that embed them.

    `model` is a file, or the name of a published classifier, whose classes are combined as a run of
    method convex does: the `likeliest` of them, their mean taken off with `centre`, and with
    `leave_out_seen` without those that coincide with one of `classes`. `word_vectors` is the file
    that the model was trained with; classes that it was trained on need none. `device` is auto, cpu
    or cuda; `dtype` auto, float32 or bfloat16.

    Raises UserError when the model or the vectors cannot be used.
    """
    picked = pick_device(device)
    wanted = _wanted(classes)
    vectors = Path(word_vectors) if word_vectors else None
    if Path(model).is_file():
        network, content = load_model(Path(model), picked)
        if network.semantic_encoder is None:
            raise UserError(f"{model} is a plain classifier: it knows no class but its own")
        trained = trained_classes(content)
        requested = embed_requested(wanted, trained, vectors, threshold=threshold)
        reference, input_settings = trained.vectors, _input_settings(content)
    else:
        published = find_published(str(model))
        if vectors is None:
            raise UserError(f"{published.name} needs word vectors to compare names by: name a file")
        requested, sources = embed_beside(
            wanted, published.class_words, published.name, vectors, threshold=threshold
        )
        if leave_out_seen:
            sources = _beyond(sources, requested.vectors, threshold)
        network, _, reference = convex_network(
            published.name, sources, likeliest=likeliest, centre=centre
        )
        network.to(picked).requires_grad_(False)
        input_settings = published.input
    return Classifier(
        network=network,
        input_settings=input_settings,
        requested=requested,
        class_vectors=_in_video_space(network, requested.vectors, picked),
        trained_vectors=_in_video_space(network, reference, picked),
        device=picked,
        dtype=pick_dtype(dtype, picked),
    )


def _beyond(sources: Mapping[str, Array], vectors: Array, threshold: float) -> dict[str, Array]:
    """The source classes that are farther than the threshold from all of `vectors` (Eq. 3)."""
    near = distances(np.stack(list(sources.values())), vectors).min(axis=1)
    return {
        name: vector
        for (name, vector), distance in zip(sources.items(), near, strict=True)
        if distance > threshold
    }


def _wanted(
    classes: str | Iterable[str] | Mapping[str, str | Sequence[str]],
) -> dict[str, list[str]]:
    if isinstance(classes, str):
        return parse_classes(classes)
    if isinstance(classes, Mapping):
        return {
            name: words.split() if isinstance(words, str) else list(words)
            for name, words in classes.items()
        }
    return {name: [] for name in classes}


def trained_classes(content: ModelContent) -> Trained:
    """What a model file says of the classes that it and its initial weights were trained on."""
    earlier = {entry["weights"]: entry["classes"] for entry in content["lineage"]}
    return Trained(
        names=list(content["classes"]),
        vectors=content["class_embeddings"].numpy().astype(np.float32),
        embedding=content["embedding"]["name"],
        digest=content["embedding"]["digest"],
        earlier=earlier,
    )


def _input_settings(content: ModelContent) -> dict[str, Any]:
    """The model's input; one that was trained on nothing takes 8/7 of its crop as short side."""
    settings: dict[str, Any] = {**content["input"]}
    if settings["short_side"] is None:
        settings["short_side"] = settings["crop"] * 8 // 7 // 2 * 2
    return settings


@torch.inference_mode()
def _in_video_space(network: ZeroShotNetwork, vectors: Array, device: torch.device) -> Array:
    encoded: Array = network.class_encoder(torch.from_numpy(vectors).to(device)).cpu().numpy()
    return encoded


# Distances to predictions


def predictions(
    near: npt.NDArray[np.floating[Any]],
    trained: npt.NDArray[np.floating[Any]],
    names: Sequence[str],
    *,
    share: float = 0.5,
) -> list[Prediction]:
    """Predictions from distances (V, U) to the requested and (V, C) to the training classes.

    Equally near classes keep their order; `share` is that of `usual_distance`.
    """
    result = []
    for row, reference in zip(near, trained, strict=True):
        order = np.argsort(row, kind="stable")
        ranked = [names[place] for place in order]
        result.append(Prediction(ranked, row[order].tolist(), usual_distance(reference, share)))
    return result


def usual_distance(trained: npt.NDArray[np.floating[Any]], share: float = 0.5) -> float | None:
    """How near classes usually are to a video: the distance that `share` of its distances (C,) to
    the training classes stay below. None without any.

    >>> usual_distance(np.array([0.9, 0.2, 0.6]))
    0.6
    """
    return float(np.quantile(trained, share)) if len(trained) else None


# Files to features


def classify_files(
    classifier: Classifier, paths: Iterable[Path | str], reading: Reading | None = None
) -> Iterator[Video | Failure]:
    """Each file's predictions, or the reason why there are none, in order.

    Files are decoded as the pipeline decodes them (into short-side clips, in `workers` processes
    ahead of the network) and share the network's batches.
    """
    reading = reading or Reading()
    settings = ClipSettings(short_side=classifier.input_settings["short_side"], timeout_s=TIMEOUT_S)

    def read(path: Path | str) -> tuple[str, EncodedClip | str]:
        try:
            return shown(str(path)), transcode(path, settings=settings)
        except VideoError as error:
            return shown(str(path)), shown(str(error))

    group: list[tuple[str, EncodedClip | str]] = []
    snippets = 0
    for item in map_ahead(read, paths, reading.workers):
        group.append(item)
        if not isinstance(item[1], str):
            snippets += reading.snippets_each * len(_parts(item[1], reading))
        # Broken files wait for their turn, but never for long.
        if snippets >= reading.batch_size or snippets == 0:
            yield from _classify_group(classifier, group, reading)
            group, snippets = [], 0
    yield from _classify_group(classifier, group, reading)


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Like `map`, by threads that run at most twice their number ahead."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _classify_group(
    classifier: Classifier, group: list[tuple[str, EncodedClip | str]], reading: Reading
) -> Iterator[Video | Failure]:
    """Videos that go through the network together, by way of a small clip store."""
    readable = [(path, clip) for path, clip in group if not isinstance(clip, str)]
    done: Iterator[Video] = iter(())
    if readable:
        with tempfile.TemporaryDirectory(prefix="unseen-") as folder:
            store = _temporary_store(Path(folder), readable)
            done = iter(_classify_stored(classifier, readable, store, reading))
    for path, clip in group:
        yield Failure(path, clip) if isinstance(clip, str) else next(done)


def _parts(clip: EncodedClip, reading: Reading) -> list[Part]:
    return windows(clip.times, reading.window_s, reading.stride_s)


def _temporary_store(folder: Path, clips: list[tuple[str, EncodedClip]]) -> ClipStore:
    shard = folder / "clips.h5"
    outcomes = [StoredClip(str(number), "", "", clip) for number, (_, clip) in enumerate(clips)]
    write_shard(shard, outcomes, settings={"codec": clips[0][1].codec}, listed=len(clips))
    return ClipStore([shard])


def _classify_stored(
    classifier: Classifier,
    clips: list[tuple[str, EncodedClip]],
    store: ClipStore,
    reading: Reading,
) -> list[Video]:
    parts = [_parts(clip, reading) for _, clip in clips]
    features = _features(classifier, store, clips, parts, reading)
    videos = []
    for number, (path, clip) in enumerate(clips):
        own = features[: len(parts[number])]
        features = features[len(parts[number]) :]
        whole, *along = classifier.nearest(np.concatenate([own.mean(axis=0, keepdims=True), own]))
        videos.append(
            Video(
                path=path,
                duration_s=duration(clip.times),
                prediction=whole,
                windows=[
                    Window(part.start_s, part.end_s, prediction)
                    for part, prediction in zip(parts[number], along, strict=True)
                ]
                if reading.window_s
                else [],
                pictures=pictures(store, number, reading.pictures),
            )
        )
    return videos


def _features(
    classifier: Classifier,
    store: ClipStore,
    clips: list[tuple[str, EncodedClip]],
    parts: list[list[Part]],
    reading: Reading,
) -> Array:
    """The averaged features (W, F) of all windows of all clips, in order."""
    snippets, frames = reading.snippets_each, classifier.input_settings["frames"]
    rate = classifier.input_settings.get("frame_rate")
    indices = []
    for (_, clip), own in zip(clips, parts, strict=True):
        for part in own:
            seen = frames_at_rate(clip.times[part.first : part.last], rate)
            indices.append(part.first + seen[test_indices(len(seen), frames, snippets)])
    positions = [clip for clip, own in enumerate(parts) for _ in own]
    found = []
    step = max(1, reading.batch_size // snippets)
    for begin in range(0, len(positions), step):
        batch = read_batch(store, positions[begin : begin + step], indices[begin : begin + step])
        values = visual_features(
            classifier.network,
            batch,
            input_settings=classifier.input_settings,
            dtype=classifier.dtype,
            device=classifier.device,
        )
        found.append(values.view(-1, snippets, values.shape[1]).mean(dim=1).cpu().numpy())
    return np.concatenate(found)


def pictures(store: ClipStore, clip: int, count: int) -> list[bytes]:
    """JPEGs of `count` frames of a clip, evenly spaced."""
    if not count:
        return []
    frames = int(store.n_frames[clip])
    chosen = (np.arange(count) * 2 + 1) * frames // (2 * count)
    height, width = store.sizes[clip].tolist()
    size = (max(1, round(width * PICTURE_HEIGHT / height)), PICTURE_HEIGHT)
    jpegs = []
    for i420 in store.read(clip, chosen):
        rgb = av.VideoFrame.from_ndarray(i420, format="yuv420p").to_ndarray(format="rgb24")
        stream = io.BytesIO()
        Image.fromarray(rgb).resize(size).save(stream, "JPEG", quality=JPEG_QUALITY)
        jpegs.append(stream.getvalue())
    return jpegs


# Frames to a network's input


def frame_snippets(
    frames: Tensor, input_settings: Mapping[str, Any], snippets: int = SNIPPETS
) -> Tensor:
    """Linearly spaced snippets (T, 3, L', crop, crop) of frames (L, 3, H, W) RGB.

    Frames are uint8, or floating point 0..1. They are scaled to the model's short side, cropped
    at the centre and normalised. Raises ValueError for frames of another shape or range.
    """
    if frames.dim() != 4 or frames.shape[1] != 3 or not len(frames):
        raise ValueError(f"frames are (L, 3, H, W), not {tuple(frames.shape)}")
    if frames.dtype != torch.uint8:
        if not frames.is_floating_point():
            raise ValueError(f"frames are uint8 or floating point 0..1, not {frames.dtype}")
        low, high = frames.min().item(), frames.max().item()
        if not -0.01 <= low <= high <= 1.01:
            raise ValueError(
                f"frames of floating point lie in 0..1; these reach from {low:g} to {high:g}: give"
                " them as uint8, or divide by 255"
            )
    pixels = frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()
    side, crop = input_settings["short_side"], input_settings["crop"]
    height, width = pixels.shape[2:]
    scale = side / min(height, width)
    size = [max(side, round(length * scale / 2) * 2) for length in (height, width)]
    pixels = functional.interpolate(pixels, size, mode="bilinear", antialias=True).clamp(0, 1)
    top, left = (size[0] - crop) // 2, (size[1] - crop) // 2
    pixels = pixels[:, :, top : top + crop, left : left + crop]
    mean, std = (
        torch.tensor(input_settings[key], device=pixels.device).view(3, 1, 1)
        for key in ("mean", "std")
    )
    pixels = (pixels - mean) / std
    indices = torch.from_numpy(test_indices(len(frames), input_settings["frames"], snippets))
    return pixels[indices].transpose(1, 2)
