"""The report: all results on one HTML page that needs neither server nor network.

What grows with the data lies in a folder beside it: the test videos (see `report_videos`).
"""

import base64
import csv
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unseen.base.errors import UserError
from unseen.base.files import atomic, file_digest, json_digest
from unseen.base.markup import json_in_html
from unseen.base.tabular import Row, read_rows
from unseen.base.text import read_json
from unseen.classes.class_splits import SUMS
from unseen.results.protocol_names import IN_METRICS
from unseen.results.report_videos import write_pictures, write_views
from unseen.results.tables import read_state

Spec = Mapping[str, Any]

THUMBNAILS = 2000
"""Pictures a test set, at most: about 3 kB each."""
LARGE_FIGURE = 250_000
"""Bytes of a figure that is no part of the page any more."""
BORDERLINE = 30
SEEN_CLASSES = 30
NEVER_PREDICTED = 5
DETAILS = ("training_classes", "trained_on", "pretraining_overlap", "snippets", "sd_over")
"""Columns of a table that stand behind its numbers, so that these are in sight."""
REJECTED = 1000
HISTORY = 500
EPOCHS = 200
"""Points of a curve, at most: of a longer training every second epoch, every third, ..."""
CURVES = {
    "loss": "loss",
    "accuracy": "training accuracy (%)",
    "learning_rate": "learning rate",
    "snippets_per_s": "snippets a second",
    "waiting": "share of time without data",
    "memory_gb": "peak memory (GB)",
}
"""The log's columns that the page draws, and what it calls them."""
DATA, NONCE = "{{data}}", "{{nonce}}"
SEEN_BEFORE = "Classes near a test class that the initial weights had seen"
IMAGE_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


def make_report(spec: Spec, template: Path, output: Path) -> None:
    """Fill the page's template with everything that `spec` names.

    The test videos and large figures go to a folder beside the page, named as it is.

    `tables` (paths of `.csv`), `figures` (each the `path` of an `.svg` and by method `pretraining`,
    a file that says what the initial weights had seen), `captions` (a folder with `<name>.rst`),
    `scores` (each `run`, `dataset` and the paths `metrics`, `per_class`, `predictions`, `confusions`),
    `datasets` (by name: `shards`, `rejected`, `missing`), `overlap` (CSV by run),
    `pretraining` (by run: `state`, that file, and `classes`, a CSV), `videos` (CSV by run),
    `threshold`, `trainings` (by run the log of its training), `benchmarks` (a folder), `disk` (a
    folder by stage), `versions` (a folder), `title`, `thumbnails` (how many a data set).
    """
    page = template.read_text(encoding="utf-8")
    if page.count(DATA) != 1 or NONCE not in page:
        raise UserError(f"{template} must hold {DATA} once, and {NONCE}")
    folder, captions = output.with_suffix(""), Path(spec["captions"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    version = _version(spec["scores"])
    pictures = write_pictures(spec["datasets"], spec.get("thumbnails", THUMBNAILS), folder)
    counts = write_views(spec["scores"], pictures, version, folder)
    data = {
        "title": spec["title"],
        "tables": [table(Path(path), captions) for path in spec["tables"]],
        "figures": [figure(shown, captions, folder) for shown in spec["figures"]],
        "accuracy": accuracy(spec["scores"]),
        "protocols": further_protocols(spec["scores"]),
        "views": [
            {"run": score["run"], "dataset": score["dataset"], "videos": count}
            for score, count in zip(spec["scores"], counts, strict=True)
        ],
        "overlap": borderline(spec["overlap"], spec["threshold"]),
        "pretraining": pretraining(spec["pretraining"]),
        "videos": shared_videos(spec["videos"]),
        "rejected": rejected(spec["datasets"]),
        "trainings": [training(run, Path(log)) for run, log in spec["trainings"].items()],
        "cost": cost(Path(spec["benchmarks"]), spec["disk"]),
        "versions": versions(Path(spec["versions"])),
        "history": history(Path(spec["versions"])),
        "version": version,
        "beside": _beside(folder),
    }
    # A text of the data cannot name the page's scripts as its own: the nonce is a digest of it.
    page = page.replace(NONCE, json_digest(data)).replace(DATA, json_in_html(data))
    with atomic(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _version(scores: Sequence[Mapping[str, str]]) -> str:
    """The digest of all predictions, which tells the page whether what lies beside it is its own."""
    files = [score[key] for score in scores for key in ("predictions", "confusions")]
    return json_digest([file_digest(path) for path in files])


def _beside(folder: Path) -> dict[str, Any]:
    """The folder beside the page: its name as part of an address, and what is in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return {"folder": quote(folder.name), "files": len(files), "megabytes": round(size / 1e6, 1)}


def _grid(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A table as the page takes it: a name, columns, and rows of cells."""
    cells = [[row.get(column, "") for column in columns] for row in rows]
    return {"name": name, "columns": list(columns), "rows": cells}


# Tables and figures


def table(path: Path, captions: Path) -> dict[str, Any]:
    """A table, standard deviations joined to their means and the bounds of intervals to what they
    were taken over, what describes a row behind its numbers."""
    rows = read_rows(path)
    with path.open(newline="", encoding="utf-8") as stream:
        names = next(csv.reader(stream))
    joined = [name for name in names if name.endswith(("_low", "_high", "_sd"))]
    columns = [name.replace("_resampled", "_interval") for name in names if name not in joined]
    columns.sort(key=DETAILS.__contains__)
    for row in rows:
        for column in columns:
            if row.get(f"{column}_sd"):
                row[column] += f" ± {row[f'{column}_sd']}"
            measure = column.removesuffix("_interval")
            if measure != column and row.get(f"{measure}_resampled"):
                bounds = f"{row[f'{measure}_low']} to {row[f'{measure}_high']}"
                row[column] = f"{bounds}, {row[f'{measure}_resampled']}"
    return _grid(heading(path), columns, rows) | {"caption": caption(captions, path.stem)}


def figure(shown: Mapping[str, Any], captions: Path, folder: Path) -> dict[str, Any]:
    """One of the paper's figures, with its picture in the page, or in `folder` if it is large."""
    path = Path(shown["path"])
    states = {method: read_state(Path(file)) for method, file in shown["pretraining"].items()}
    seen = ", ".join(f"{method} {state}" for method, state in states.items())
    content = path.read_bytes()
    image = f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    if len(content) > LARGE_FIGURE:
        (folder / path.name).write_bytes(content)
        image = f"{quote(folder.name)}/{quote(path.name)}"
    return {
        "name": heading(path),
        "caption": caption(captions, path.stem) + (f" {SEEN_BEFORE}: {seen}." if seen else ""),
        "image": image,
    }


def heading(path: Path) -> str:
    """`Table 2` for `table2.csv`."""
    kind = path.stem.rstrip("0123456789")
    return f"{kind.capitalize()} {path.stem.removeprefix(kind)}".strip()


def caption(folder: Path, name: str) -> str:
    """The text of a result's caption; nothing where there is none."""
    path = folder / f"{name}.rst"
    return " ".join(path.read_text(encoding="utf-8").split()) if path.exists() else ""


# Scores


def accuracy(scores: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Both protocols of each run on each test set, with the spread and the counts of videos."""
    columns = (
        "run",
        "test set",
        "snippets",
        "classes",
        "videos",
        "rejected",
        "missing",
        "top-1, all classes",
        "95% interval",
        "interval over",
        "top-5, all classes",
        "top-1, halves",
        "sd of halves",
        "never predicted",
    )
    rows = []
    for score in scores:
        never = _never_predicted(Path(score["per_class"]))
        lines = {
            (row["split"], row["snippets"]): row
            for row in read_rows(score["metrics"], ["protocol", "split", "snippets"])
            if row["protocol"] in IN_METRICS.values()
        }
        for split, snippets in lines:
            if split == "all":
                found = [lines[part, snippets] for part in ("all", "low", "high", "mean", "sd")]
                cells = [*_accuracy_cells(score, *found), never[snippets]]
                rows.append(dict(zip(columns, cells, strict=True)))
    return _grid("accuracy", columns, rows)


def further_protocols(scores: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The other protocols of each run on each test set: the mean over their splits, and its
    spread."""
    counts = ("snippets", "classes", "videos", "rejected", "missing")
    columns = ("run", "test set", "protocol", "splits", *counts, "top-1", "sd", "top-5")
    rows = []
    for score in scores:
        groups: dict[tuple[str, str], dict[str, Row]] = {}
        for row in read_rows(score["metrics"], ["protocol", "split", "snippets"]):
            if row["protocol"] not in IN_METRICS.values():
                groups.setdefault((row["protocol"], row["snippets"]), {})[row["split"]] = row
        for (protocol, _), lines in groups.items():
            mean = lines.get("mean") or next(iter(lines.values()))
            number = len(lines.keys() - {*SUMS})
            cells = [score["run"], score["dataset"], protocol, str(number)]
            cells += [mean[key] for key in counts]
            cells += [_percent(mean["top1"]), _percent(lines.get("sd", {}).get("top1", ""))]
            rows.append(dict(zip(columns, [*cells, _percent(mean["top5"])], strict=True)))
    return _grid("protocols", columns, rows)


def _never_predicted(per_class: Path) -> dict[str, str]:
    """How many classes are no video's nearest, and which, by the number of snippets."""
    found: dict[str, list[str]] = {}
    for row in read_rows(per_class, ["class", "snippets", "predicted"]):
        names = found.setdefault(row["snippets"], [])
        if row["predicted"] == "0":
            names.append(row["class"])
    return {snippets: _count_and_names(names) for snippets, names in found.items()}


def _count_and_names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NEVER_PREDICTED])
    more = ", …" if len(names) > NEVER_PREDICTED else ""
    return f"{len(names)}: {shown}{more}" if names else "0"


def _accuracy_cells(
    score: Mapping[str, str], whole: Row, low: Row, high: Row, mean: Row, deviation: Row
) -> list[str]:
    counts = [whole[key] for key in ("snippets", "classes", "videos", "rejected", "missing")]
    return [
        score["run"],
        score["dataset"],
        *counts,
        _percent(whole["top1"]),
        f"{_percent(low['top1'])} to {_percent(high['top1'])}",
        low["resampled"],
        _percent(whole["top5"]),
        _percent(mean["top1"]),
        _percent(deviation["top1"]),
    ]


def _percent(text: str) -> str:
    return f"{float(text):.2f}" if text else ""


# What was removed, rejected and spent


def borderline(overlap: Mapping[str, str], threshold: float) -> dict[str, Any]:
    """Each run's training classes whose distance to the test classes is nearest the threshold."""
    columns = ("run", "class", "kept", "distance", "nearest_class", "nearest_dataset")
    rows = []
    for run, path in overlap.items():
        known = [row for row in read_rows(path, columns[1:]) if row["distance"]]
        known.sort(key=lambda row: abs(float(row["distance"]) - threshold))
        for row in known[:BORDERLINE]:
            rows.append(row | {"run": run, "distance": f"{float(row['distance']):.4f}"})
    return _grid("overlap", columns, rows) | {"threshold": threshold}


def pretraining(runs: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """How many classes near a test class each run's initial weights had seen, and which."""
    columns = ("run", "seen before", "classes", "overlapping classes")
    rows = []
    for run, files in runs.items():
        classes = read_rows(files["classes"], ["class", "overlaps", "weights", "nearest_class"])
        near = [row for row in classes if row["overlaps"] == "True"]
        named = "; ".join(f"{row['class']} ({row['nearest_class']})" for row in near[:SEEN_CLASSES])
        if len(near) > SEEN_CLASSES:
            named += f"; and {len(near) - SEEN_CLASSES} more"
        cells = [run, read_state(Path(files["state"])), len({row["class"] for row in classes})]
        rows.append(dict(zip(columns, [*map(str, cells), named], strict=True)))
    return _grid("pretraining", columns, rows)


def shared_videos(runs: Mapping[str, str]) -> dict[str, Any]:
    """How many training clips of each run share their source with a test set."""
    columns = ("run", "training set", "test set", "shared", "training clips", "for example")
    rows = []
    for run, path in runs.items():
        groups: dict[tuple[str, str, str], list[Row]] = {}
        for row in read_rows(path, ["dataset", "test_dataset", "shared", "clip_id"]):
            groups.setdefault((row["dataset"], row["test_dataset"], row["shared"]), []).append(row)
        for group, found in groups.items():
            cells = [run, *group, str(len(found)), f"{found[0]['clip_id']}, {found[0]['test_clip']}"]
            rows.append(dict(zip(columns, cells, strict=True)))
    return _grid("shared videos", columns, rows) | {"runs": list(runs)}


def rejected(datasets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Rejected clips of all data sets, with the reasons; the page says if there were more."""
    columns = ("data set", "clip_id", "reason")
    rows = [
        row | {"data set": name}
        for name, dataset in datasets.items()
        for row in read_rows(dataset["rejected"], ["clip_id", "reason"])
    ]
    missing = {name: len(read_rows(part["missing"])) for name, part in datasets.items()}
    return _grid("rejected", columns, rows[:REJECTED]) | {"total": len(rows), "missing": missing}


def training(run: str, log: Path) -> dict[str, Any]:
    """The curves of a training along its epochs, one for each of `CURVES`."""
    rows = read_rows(log, ["epoch", *CURVES])
    step = -(-len(rows) // EPOCHS)
    picked = rows[::-1][:: step or 1][::-1]
    curves = [
        {"name": name, "values": [float(row[column]) for row in picked]}
        for column, name in CURVES.items()
    ]
    return {"run": run, "epochs": [int(row["epoch"]) for row in picked], "curves": curves}


def cost(benchmarks: Path, disk: Mapping[str, str]) -> dict[str, Any]:
    """Time, memory and disk of each stage: a folder below `benchmarks` with a file a job."""
    columns = ("stage", "jobs", "time (s)", "longest (s)", "memory (MB)", "disk (MB)")
    stages: dict[str, list[Row]] = {name: [] for name in disk}
    for path in sorted(benchmarks.rglob("*")):
        if path.is_file():
            stage = Path(path.relative_to(benchmarks).parts[0]).stem
            stages.setdefault(stage, []).extend(_benchmark_lines(path))
    rows = []
    for stage, jobs in stages.items():
        seconds = [_number(job.get("s")) for job in jobs]
        memory = [_number(job.get("max_rss")) for job in jobs]
        size = f"{_size(Path(disk[stage])) / 1e6:.2f}" if stage in disk else ""
        cells = [stage, len(jobs), f"{sum(seconds):.1f}", f"{max(seconds, default=0):.1f}"]
        cells += [f"{max(memory, default=0):.0f}", size]
        rows.append(dict(zip(columns, cells, strict=True)))
    return _grid("cost", columns, rows)


def _benchmark_lines(path: Path) -> Iterator[Row]:
    """Snakemake's benchmark file: tab-separated, a line a repeat."""
    with path.open(newline="") as stream:
        yield from csv.DictReader(stream, delimiter="\t")


def _number(text: str | None) -> float:
    """A number of a benchmark file, which writes NA for what it could not measure."""
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())


# Versions


def versions(folder: Path) -> dict[str, Any]:
    """The version of each result, from the history and the pedigrees kept there."""
    columns = ("name", "version", "date", "commit", "device")
    last = {row["name"]: row for row in _history(folder)}
    rows = []
    for name, line in sorted(last.items()):
        for path in sorted((folder / name / line["version"]).glob("*.json")):
            pedigree = read_json(path)
            try:
                device = pedigree["device"]
                names = ", ".join([device["processor"], *device["gpus"]])
            except (KeyError, TypeError):
                raise UserError(f"{path} is no pedigree of a result: remove it") from None
            rows.append(pedigree | {"device": names})
    return _grid("versions", columns, rows)


def history(folder: Path) -> dict[str, Any]:
    """What changed from version to version of late, the latest first."""
    columns = ("date", "name", "version", "moved", "before", "after")
    return _grid("history", columns, reversed(_history(folder)[-HISTORY:]))


def _history(folder: Path) -> list[Row]:
    path = folder / "history.csv"
    return read_rows(path) if path.exists() else []
