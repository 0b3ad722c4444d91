"""The clip stores: what decoding and synthesizing read and are told."""

from pathlib import Path
from typing import Any

from unseen.base.settings import keys_read
from unseen.plan import paths
from unseen.plan.plan import Inputs, Plan, rendered
from unseen.plan.settings import Clips
from unseen.videos.settings import DECODE, SYNTHESIZE


def manifest(plan: Plan, dataset: str, shard: str) -> Inputs:
    """The part of the manifest that a shard is made of, and the files where a rule renders them."""
    part = paths.MANIFEST.format(dataset=dataset, shard=shard)
    return Inputs(small=(part,), stored=tuple(rendered(plan, dataset)))


def root(plan: Plan, dataset: str) -> str:
    """The folder that a manifest's paths start at."""
    return str(plan.config.datasets[dataset].root)


def decisive(plan: Plan, side: str | None = None) -> dict[str, Any]:
    """The settings that a clip of a video depends on, at the short side that is configured or at
    another."""
    values = _read_by(plan, DECODE)
    if side:
        pixels, _, resampling = side.partition("-")
        values |= {"short_side": int(pixels), "resampling": resampling or "antialiased"}
    return values


def encoding(plan: Plan) -> dict[str, Any]:
    """The settings that a clip of a photograph depends on."""
    return _read_by(plan, SYNTHESIZE)


def settings(plan: Plan, side: str | None = None) -> dict[str, Any]:
    """With the time that ffmpeg is given, which shows in no clip."""
    return decisive(plan, side) | {"timeout_s": plan.config.clips.model_dump()["timeout_s"]}


def _read_by(plan: Plan, stage: str) -> dict[str, Any]:
    values = plan.config.clips.model_dump()
    return {key: values[key] for key in keys_read(Clips.model_fields, stage, otherwise=DECODE)}


def stores(plan: Plan, dataset: str, side: str | None = None) -> Inputs:
    """All shards of a data set."""
    return Inputs(large=tuple(plan.clip_stores([dataset], side)))


def shards(plan: Plan, dataset: str, side: str | None = None) -> list[str]:
    """The same as arguments."""
    return plan.clip_stores([dataset], side)


def found(_plan: Plan) -> list[str]:
    """The shards that are there."""
    pattern = paths.CLIPS.format(side="*", dataset="*", shard="*")
    return sorted(map(str, Path().glob(pattern)))


def rejected_limit(plan: Plan) -> float:
    """The percentage of rejected clips that stops the pipeline."""
    return plan.config.clips.max_rejected_percent
