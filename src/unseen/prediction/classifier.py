"""A trained model on anybody's videos and classes: the nearest of the classes that were asked for.

    from unseen.prediction import Reading, classify_files, load_classifier
    names = ["riding a horse", "surfing"]
    classifier = load_classifier("model.safetensors", names, "googlenews.bin")
    prediction = classifier.classify_file("holiday.mp4").prediction
    print(prediction.classes[0], prediction.distances[0], prediction.unsure)
    print(classifier.classify_frames(frames).classes[:5])  # (L, 3, H, W) uint8, or 0..1
    for video in classify_files(classifier, files, Reading(window_s=10)):  # along time
        print(video.path, video.windows)

When a prediction is *unsure*: `unseen.results.unsure`.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

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
from unseen.network.classifiers import Classifier as SourceClassifier
from unseen.network.classifiers import classifier_of_run
from unseen.network.classifiers import load_classifier as load_source
from unseen.network.convex import LIKELIEST, METHOD, convex_network
from unseen.network.dual import DualNetwork, load_dual
from unseen.network.dual_folder import find_dual
from unseen.network.inference import compared, depends_on_video, visual_features
from unseen.network.methods import load_model
from unseen.network.model_file import ModelContent
from unseen.network.published import find_published
from unseen.network.video_embeddings import embed_features
from unseen.network.zero_shot_network import ZeroShotNetwork
from unseen.prediction.model_list import snippets_of_tests
from unseen.prediction.own_texts import embed_texts
from unseen.prediction.reading import (
    SNIPPETS,
    Piece,
    Plan,
    Reading,
    Unreadable,
    read_videos,
    read_whole,
)
from unseen.prediction.requested_classes import (
    OVERLAP_THRESHOLD,
    Requested,
    Seen,
    Trained,
    Wanted,
    embed_beside,
    embed_requested,
    wanted_classes,
)
from unseen.results.nearest import cosine_distances
from unseen.results.unsure import usual_distance, usual_share
from unseen.videos.footage import Frames
from unseen.videos.loading import SnippetBatch
from unseen.videos.probing import VideoError
from unseen.videos.sampling import test_indices
from unseen.videos.windows import duration

Array = npt.NDArray[np.float32]

PICTURE_HEIGHT = 96
JPEG_QUALITY = 70


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
    snippets: int | None = None
    """Snippets a video that the model was tested with, if its results are there."""
    class_texts: Tensor | None = None
    """(U, Q, D) the prompts' embeddings, of a model whose classes depend on the video."""

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
        self, frames: npt.ArrayLike | Tensor, snippets: int | None = None
    ) -> Prediction:
        """Classify a video given as its frames (L, 3, H, W) RGB, uint8 or floating point 0..1: a
        tensor, an array, or lists of numbers.

        `snippets` are as for a file (None: as the model was tested, else 25). Raises TypeError for
        what is no array of numbers, ValueError for frames of another shape or range.
        """
        number = snippets if snippets is not None else self.snippets or SNIPPETS
        features = self._encode(frame_snippets(as_tensor(frames), self.input_settings, number))
        return self.nearest(features.mean(axis=0, keepdims=True))[0]

    def nearest(self, features: Array) -> list[Prediction]:
        """The predictions for averaged features (V, F), or (V, F + U) with the cosines to classes
        that depend on the video."""
        features, cosines = np.split(features, [self.network.feature_dim], axis=1)
        embeddings = embed_features(self.network, features, self.device)
        return predictions(
            cosine_distances(embeddings, self.class_vectors)
            if self.class_texts is None
            else 1 - cosines,
            cosine_distances(embeddings, self.trained_vectors),
            self.requested.names,
            share=self.usual_share,
        )

    @property
    def usual_share(self) -> float:
        """See `unseen.results.unsure`."""
        is_convex = self.network.settings.get("method") == METHOD
        return usual_share(len(self.requested.names), is_convex=is_convex)

    @torch.inference_mode()
    def _encode(self, snippets: Tensor) -> Array:
        """f_v of network inputs (T, 3, L, crop, crop): (T, F)."""
        batch = snippets.to(self.device).contiguous(memory_format=torch.channels_last_3d)
        with autocast(self.device, self.dtype):
            encoded = self.network.visual_encoder(batch).float()
        features: Array = self.beside_classes(encoded).cpu().numpy()
        return features

    def beside_classes(self, encoded: Tensor) -> Tensor:
        """Features (B, F), and of a model whose classes depend on the video their cosines."""
        if self.class_texts is None:
            return encoded
        return compared(self.network, encoded, self.class_texts)


def load_classifier(
    model: Path | str,
    classes: str | Iterable[str] | Mapping[str, str | Sequence[str]],
    word_vectors: Path | str | None = None,
    *,
    threshold: float = OVERLAP_THRESHOLD,
    device: str = "auto",
    dtype: str = "auto",
    likeliest: int | None = None,
    centre: bool = False,
    leave_out_seen: bool = False,
    prompts: Sequence[str] | None = None,
) -> Classifier:
    """A model that chooses among `classes`: names (also as one text, separated by commas), or a
    mapping from names to the words that embed them.

    `model` is a file, or the name of a published classifier. Its classes, and those of the file of
    a run with `loss: classification`, are combined as a run of method convex does: the `likeliest`
    (10) of them, their mean taken off with `centre`, and with `leave_out_seen` without those that
    coincide with one of `classes`. Or it is the folder of a model of pictures and texts (method
    dual), which needs no word vectors: a name is put into `prompts`, texts with `{}` (None: its
    family's own). `word_vectors` is the file that the model was trained with; classes that it was
    trained on need none. `device` is auto, cpu
    or cuda; `dtype` auto, float32 or bfloat16.

    Raises UserError when the model, the classes or the vectors cannot be used, TypeError for
    classes that are no texts.
    """
    picked = pick_device(device)
    wanted = wanted_classes(classes)
    if not 0 <= threshold <= 2:
        raise UserError(f"threshold is a cosine distance from 0 to 2, not {threshold}")
    if likeliest is not None and likeliest < 1:
        raise UserError(f"likeliest is a number of classes from 1, not {likeliest}")
    vectors = Path(word_vectors) if word_vectors else None
    source: SourceClassifier | None = None
    if Path(model).is_dir():
        if vectors is not None:
            raise UserError(f"{model} has a text encoder of its own: no word vectors are read")
        if likeliest is not None or centre or leave_out_seen:
            raise UserError(
                f"{model} is no classifier: likeliest, centre and leave-out-seen are none of its"
            )
        return _dual_classifier(Path(model), wanted, prompts, picked, pick_dtype(dtype, picked))
    if prompts is not None:
        raise UserError(f"prompts are for the folder of a model of pictures and texts, not {model}")
    if Path(model).is_file():
        network, content = load_model(Path(model), picked)
        if isinstance(network, DualNetwork):
            raise UserError(
                f"{model} is without its text encoder: name the folder of the run's `weights`"
            )
        trained = trained_classes(content)
        if network.semantic_encoder is None:
            source = classifier_of_run(Path(model), network, content)
            sources = dict(zip(trained.names, trained.vectors, strict=True))
        elif likeliest is not None or centre or leave_out_seen:
            raise UserError(
                f"{model} is no classifier: likeliest, centre and leave-out-seen are the file's own"
            )
        requested = embed_requested(wanted, trained, vectors, threshold=threshold)
        reference, input_settings = trained.vectors, _input_settings(content)
        tested = snippets_of_tests(Path(model))
    else:
        published = find_published(str(model))
        if vectors is None:
            raise UserError(f"{published.name} needs word vectors to compare names by: name a file")
        requested, sources = embed_beside(
            wanted, published.class_words, published.name, vectors, threshold=threshold
        )
        source = load_source(published.name)
        input_settings, tested = published.input, None
    if source is not None:
        if leave_out_seen:
            sources = _beyond(sources, requested.vectors, threshold)
        network, reference = convex_network(
            source, sources, likeliest=likeliest or LIKELIEST, centre=centre
        )
        network.to(picked).requires_grad_(False)
    return Classifier(
        network=network,
        input_settings=input_settings,
        requested=requested,
        class_vectors=_in_video_space(network, requested.vectors, picked),
        trained_vectors=_in_video_space(network, reference, picked),
        device=picked,
        dtype=pick_dtype(dtype, picked),
        snippets=tested,
    )


def _beyond(sources: Mapping[str, Array], vectors: Array, threshold: float) -> dict[str, Array]:
    """The source classes that are farther than the threshold from all of `vectors` (Eq. 3)."""
    near = distances(np.stack(list(sources.values())), vectors).min(axis=1)
    return {
        name: vector
        for (name, vector), distance in zip(sources.items(), near, strict=True)
        if distance > threshold
    }


def _dual_classifier(
    folder: Path,
    wanted: Wanted,
    prompts: Sequence[str] | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Classifier:
    """A model of pictures and texts, which nobody knows the training of."""
    found = find_dual(folder)
    templates = list(prompts or [found.family.prompt])
    if lacking := [prompt for prompt in templates if "{}" not in prompt]:
        raise UserError(f"the prompt {lacking[0]!r} has no {{}}, where a class's name goes")
    network = load_dual(found).to(device).requires_grad_(False)
    requested, texts = embed_texts(wanted, found, templates)
    return Classifier(
        network=network,
        input_settings=found.input,
        requested=requested,
        class_vectors=requested.vectors,
        trained_vectors=np.zeros((0, network.feature_dim), np.float32),
        device=device,
        dtype=dtype,
        class_texts=texts.to(device) if depends_on_video(network) else None,
    )


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


# Files to features


def classify_files(
    classifier: Classifier,
    paths: Iterable[Path | str],
    reading: Reading | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[Video | Failure]:
    """Each file's predictions, or the reason why there are none, in order.

    Frames are those of the pipeline's clips before their codec; what the network does not see is
    not decoded where a file can be sought soundly. Files share the network's batches.
    `reading` says how: along time with `Reading(window_s=10)`, for instance; without it the whole
    video counts, with the snippets that the model was tested with, else 25. `on_progress` is told
    how many files are done, the share of the present one included.
    """
    reading = reading or Reading()
    if reading.snippets is None and reading.window_s is None:
        reading = replace(reading, snippets=classifier.snippets)
    if isinstance(paths, str | bytes | Path):
        raise TypeError(f"paths are a list of files, not one: [{paths!r}], or classify_file")
    done, snippets = 0, 1
    own: list[Array] = []
    reason: str | None = None
    sound = True
    for group in _groups(read_videos(paths, reading, classifier.input_settings), reading):
        features = iter(_features(classifier, group, reading))
        for piece in group:
            if isinstance(piece, Unreadable):
                yield Failure(shown(str(piece.path)), shown(piece.reason))
            elif not piece.last:
                sound &= piece.frames is not None
                reason = reason or piece.reason
                own += [] if piece.frames is None else [next(features)]
                snippets = len(piece.plan.snippets)
                continue
            elif sound and piece.frames is not None:
                yield _video(classifier, piece, np.concatenate(own), reading)
            elif found := reason or piece.reason:
                yield Failure(shown(str(piece.plan.path)), shown(found))
            else:
                yield _decoded_whole(classifier, piece.plan, reading)
            own, sound, reason, done = [], True, None, done + 1
        if on_progress:
            on_progress(done + sum(map(len, own)) / snippets)


def _groups(
    pieces: Iterable[Piece | Unreadable], reading: Reading
) -> Iterator[list[Piece | Unreadable]]:
    """Pieces that go through the network together. Broken files wait for their turn, but never for
    long."""
    group: list[Piece | Unreadable] = []
    snippets = 0
    for piece in pieces:
        group.append(piece)
        if not isinstance(piece, Unreadable) and not piece.last:
            snippets += len(piece.rows)
        if snippets >= reading.batch_size or snippets == 0:
            yield group
            group, snippets = [], 0
    if group:
        yield group


def _features(
    classifier: Classifier, group: Sequence[Piece | Unreadable], reading: Reading
) -> list[Array]:
    """f_v of the snippets of each piece that has any, (t, F)."""
    pieces = [
        piece
        for piece in group
        if not isinstance(piece, Unreadable) and not piece.last and piece.frames is not None
    ]
    found = [
        classifier.beside_classes(
            visual_features(
                classifier.network,
                batch,
                input_settings=classifier.input_settings,
                dtype=classifier.dtype,
                device=classifier.device,
            )
        )
        .cpu()
        .numpy()
        for batch in _batches(pieces, reading.batch_size)
    ]
    ends = np.cumsum([len(piece.rows) for piece in pieces])
    return np.split(np.concatenate(found), ends[:-1]) if found else []


def _batches(pieces: Sequence[Piece], batch_size: int) -> Iterator[SnippetBatch]:
    """The snippets of pieces, in order, at most `batch_size` at a time."""
    read = [(piece.frames, piece.rows) for piece in pieces if piece.frames is not None]
    if not read:
        return
    sizes = [(frames.shape[1] * 2 // 3, frames.shape[2]) for frames, _ in read]
    begins = np.cumsum([0, *(frames.size for frames, _ in read)])
    pixels = torch.from_numpy(np.concatenate([frames.reshape(-1) for frames, _ in read]))
    offsets = np.concatenate(
        [begin + rows * frames[0].size for begin, (frames, rows) in zip(begins, read, strict=False)]
    )
    each = np.repeat(np.array(sizes, np.int64), [len(rows) for _, rows in read], axis=0)
    nothing: npt.NDArray[np.int64] = np.zeros(len(offsets), np.int64)
    for first in range(0, len(offsets), batch_size):
        part = slice(first, first + batch_size)
        yield SnippetBatch(pixels, offsets[part], each[part], nothing[part], nothing[part])


def _decoded_whole(classifier: Classifier, plan: Plan, reading: Reading) -> Video | Failure:
    """The prediction of a file whose frames are others than its packets promise."""
    own: list[Array] = []
    try:
        for piece in read_whole(plan.path, reading, classifier.input_settings):
            if piece.frames is None:
                raise VideoError(piece.reason or "its frames cannot be decoded")
            if piece.last:
                return _video(classifier, piece, np.concatenate(own), reading)
            own += _features(classifier, [piece], reading)
    except VideoError as error:
        return Failure(shown(str(plan.path)), shown(str(error)))
    raise AssertionError("a video has a last piece")


def _video(classifier: Classifier, last: Piece, features: Array, reading: Reading) -> Video:
    """The predictions from a video's last piece and the features (W * T, F) of all its snippets."""
    plan = last.plan
    own = features.reshape(len(plan.parts), -1, features.shape[1]).mean(axis=1)
    whole, *along = classifier.nearest(np.concatenate([own.mean(axis=0, keepdims=True), own]))
    assert last.frames is not None
    return Video(
        path=shown(str(plan.path)),
        duration_s=duration(plan.footage.times),
        prediction=whole,
        windows=[
            Window(part.start_s, part.end_s, prediction)
            for part, prediction in zip(plan.parts, along, strict=True)
        ]
        if reading.window_s
        else [],
        pictures=[_jpeg(last.frames[row[0]]) for row in last.rows],
    )


def _jpeg(i420: Frames) -> bytes:
    """A picture for people of a frame (H * 3 // 2, W)."""
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    size = (max(1, round(width * PICTURE_HEIGHT / height)), PICTURE_HEIGHT)
    rgb = av.VideoFrame.from_ndarray(i420, format="yuv420p").to_ndarray(format="rgb24")
    stream = io.BytesIO()
    Image.fromarray(rgb).resize(size).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


# Frames to a network's input


def as_tensor(frames: npt.ArrayLike | Tensor) -> Tensor:
    """Frames in any kind of array as a tensor. Raises TypeError for what is no array of numbers."""
    if isinstance(frames, Tensor):
        return frames
    try:
        return torch.from_numpy(np.array(frames))
    except (TypeError, ValueError):
        raise TypeError(
            f"frames are an array of numbers (L, 3, H, W), all of one size, not this"
            f" {type(frames).__name__}"
        ) from None


def frame_snippets(
    frames: Tensor, input_settings: Mapping[str, Any], snippets: int = SNIPPETS
) -> Tensor:
    """Linearly spaced snippets (T, 3, L', crop, crop) of frames (L, 3, H, W) RGB.

    Frames are uint8, or floating point 0..1. They are scaled to the model's short side, cropped
    at the centre and normalised. Raises ValueError for frames of another shape or range.
    """
    if frames.dim() != 4 or frames.shape[1] != 3 or 0 in frames.shape:
        last = frames.dim() == 4 and frames.shape[3] == 3
        hint = ": transpose them by (0, 3, 1, 2)" if last else ""
        raise ValueError(f"frames are (L, 3, H, W), not {tuple(frames.shape)}{hint}")
    if not isinstance(snippets, int) or snippets < 1:
        raise ValueError(f"snippets are a whole number from 1, not {snippets!r}")
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
    resampling = input_settings.get("resampling")
    mode, antialias = "bicubic" if resampling == "bicubic" else "bilinear", resampling != "bilinear"
    pixels = functional.interpolate(pixels, size, mode=mode, antialias=antialias).clamp(0, 1)
    top, left = (size[0] - crop) // 2, (size[1] - crop) // 2
    pixels = pixels[:, :, top : top + crop, left : left + crop]
    mean, std = (
        torch.tensor(input_settings[key], device=pixels.device).view(3, 1, 1)
        for key in ("mean", "std")
    )
    pixels = (pixels - mean) / std
    indices = torch.from_numpy(test_indices(len(frames), input_settings["frames"], snippets))
    return pixels[indices].transpose(1, 2)
