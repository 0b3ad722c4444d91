"""Predictions as one self-contained HTML page: frames, the nearest classes, the course of time."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unseen.base.markup import json_in_html

TEMPLATE = Path(__file__).with_suffix(".html")
PLACEHOLDER = "{{data}}"
SHOWN = 5


def prediction_page(summary: Mapping[str, Any], pictures: Sequence[Sequence[bytes]]) -> str:
    """The page of what `unseen.prediction.command.as_json` says, with each video's JPEGs."""
    videos = [
        _short(video)
        | {
            "windows": [_short(window) for window in video["windows"]],
            "pictures": [
                f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" for jpeg in jpegs
            ],
        }
        for video, jpegs in zip(summary["videos"], pictures, strict=True)
    ]
    data = {**summary, "videos": videos}
    return TEMPLATE.read_text(encoding="utf-8").replace(PLACEHOLDER, json_in_html(data))


def _short(values: Mapping[str, Any]) -> dict[str, Any]:
    """A video or window with the nearest classes alone."""
    return {
        **values,
        "classes": values["classes"][:SHOWN],
        "distances": [round(distance, 4) for distance in values["distances"][:SHOWN]],
    }
