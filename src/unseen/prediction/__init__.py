"""A trained model on anybody's videos and classes: the command `unseen`, and the same in Python.

    from unseen.prediction import Reading, classify_files, load_classifier
    names = ["riding a horse", "surfing"]
    classifier = load_classifier("model.safetensors", names, "googlenews.bin")
    prediction = classifier.classify_file("holiday.mp4").prediction
    print(prediction.classes[0], prediction.distances[0], prediction.unsure)
    print(classifier.classify_frames(frames).classes[:5])  # (L, 3, H, W) uint8, or 0..1
    for video in classify_files(classifier, files, Reading(window_s=10)):  # along time
        print(video.path, video.windows)

The names below are loaded when they are first asked for, since they bring PyTorch along.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unseen.prediction.classifier import (
        Classifier,
        Failure,
        Prediction,
        Video,
        Window,
        classify_files,
        load_classifier,
    )
    from unseen.prediction.reading import Reading

__all__ = [
    "Classifier",
    "Failure",
    "Prediction",
    "Reading",
    "Video",
    "Window",
    "classify_files",
    "load_classifier",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("unseen.prediction.classifier"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
