"""The command line of the stages that read what a run trains on."""

import argparse
from functools import partial
from pathlib import Path

from unseen.base.arguments import group_by_name, json_value, named_path
from unseen.network.labelled_clips import TrainingSources
from unseen.network.settings import TrainingSettings
from unseen.videos.rejected import check_rejected


def argument_parser(description: str) -> argparse.ArgumentParser:
    """A parser of a run's inputs, settings and output; `@FILE` holds arguments, one a line."""
    parser = argparse.ArgumentParser(description=description, fromfile_prefix_chars="@")
    add_sources(parser)
    add = parser.add_argument
    add("--settings", type=json_value, required=True, metavar="JSON")
    add("--weights", metavar="FILE|NAME", help="where to start from: a file or torchvision's name")
    add("--output", type=Path, required=True)
    return parser


def add_sources(parser: argparse.ArgumentParser) -> None:
    """The options of what is learned from, for `sources_of`."""
    add = parser.add_argument
    several = partial(add, type=named_path, action="extend", nargs="+", default=[])
    several("--shards", metavar="DATASET=FILE", help="the clip store; as many as there are")
    several("--labels", metavar="DATASET=CSV")
    several("--class-embeddings", metavar="DATASET=H5")
    add("--limit", type=float, default=100, help="allowed share of rejected clips in percent")
    add("--kept", type=Path, metavar="TXT", help="the classes to train on; all without it")
    add("--without", type=Path, metavar="CSV", help="clips to leave out: dataset,clip_id")


def sources_of(options: argparse.Namespace) -> TrainingSources:
    """The inputs that were given. Raises UserError where too many of the clips were rejected."""
    shards = group_by_name(options.shards)
    check_rejected(shards, options.limit)
    return TrainingSources(
        shards=shards,
        labels=dict(options.labels),
        class_embeddings=dict(options.class_embeddings),
        kept=options.kept,
        without=options.without,
    )


def settings_of(options: argparse.Namespace) -> TrainingSettings:
    """The settings that were given."""
    return TrainingSettings.from_mapping(options.settings)
