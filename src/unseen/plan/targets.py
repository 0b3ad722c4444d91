"""Targets of a call: what one that no rule makes may have meant."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from unseen.base.settings import suggest
from unseen.plan import classes, paths
from unseen.plan.plan import Plan
from unseen.plan.sources import class_list

ENDINGS = {
    paths.COMPARISONS: (".md", ".json"),
    paths.TABLE: (".md", ".tex", ".json"),
    paths.FIGURE: (".svg", ".png", ".json"),
}
_WILDCARD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class _Reading:
    """A pattern that a target fits, the wildcards' values, and what of them is not known."""

    pattern: str
    values: dict[str, str]
    unknown: list[str]


def explain(plan: Plan, target: str, rules: Iterable[str]) -> str:
    """One line about a target that no rule makes: the part of it that is not known, and the nearest
    that is.

    Args:
        target: The name of a rule, or a file relative to the working folder.
        rules: The names of the rules, which are targets too.
    """
    if not target.startswith(paths.RESULTS):
        near = suggest(target, [*rules, *_top_files(plan)])
        if not near:
            files = {Path(file).stem: file for file in _top_files(plan)}
            stem = suggest(target, files).removeprefix(" (did you mean ").removesuffix("?)")
            near = f" (did you mean {files[stem]}?)" if stem else ""
        return f"no target {target}{near or '; name a file below results/, or a rule'}"
    readings = _readings(plan, target)
    if not readings:
        return f"no rule makes {target}{_nearest_file(plan, target)}"
    best = readings[0]
    if best.unknown:
        return f"{'; '.join(best.unknown)}: {target}"
    return f"no rule makes {target}{_not_served(plan, best)}"


def is_known(plan: Plan, target: str) -> bool:
    """Whether the names in a target are those of the configuration, or it is none of the known
    files."""
    readings = _readings(plan, target)
    return not readings or not readings[0].unknown


def _readings(plan: Plan, path: str) -> list[_Reading]:
    """How a path can be read; first what has the fewest unknown parts and the most literal ones."""
    found = []
    for pattern in _patterns():
        pieces = _WILDCARD.split(pattern)
        pieces[::2] = map(re.escape, pieces[::2])
        pieces[1::2] = [
            f"(?P<{name}>{'(_[^/]+)?' if name == 'side' else '[^/]+'})" for name in pieces[1::2]
        ]
        match = re.fullmatch("".join(pieces), path)
        if match:
            values = match.groupdict()
            found.append(_Reading(pattern, values, [*_unknown(plan, pattern, values)]))
    return sorted(found, key=lambda one: (len(one.unknown), -len(one.pattern)))


def _patterns() -> list[str]:
    """All files below results/ that rules make."""
    own = [
        value
        for name, value in vars(paths).items()
        if isinstance(value, str) and value.startswith(paths.RESULTS) and "{}" not in value
    ]
    files = [pattern for pattern in own if "." in pattern]
    files += [
        paths.beside(pattern, ending) for pattern, endings in ENDINGS.items() for ending in endings
    ]
    return [*files, *map(paths.digest, files)]


def _unknown(plan: Plan, pattern: str, values: dict[str, str]) -> Iterator[str]:
    for key, value in values.items():
        kind, known = _known(plan, key, pattern, values)
        if known and value not in known:
            near = suggest(value, known)
            if near:
                near = f"; {near.strip(' ()')}"
            elif len(known) <= 12:
                near = f"; there are {', '.join(known)}"
            yield f"no {kind} {value}{near}"


def _known(plan: Plan, key: str, pattern: str, values: dict[str, str]) -> tuple[str, list[str]]:
    """What a wildcard stands for, and its possible values."""
    if key == "run":
        return "run", [*plan.runs]
    if key == "dataset":
        shipped = values["dataset"]
        listless = [shipped] if class_list(plan, shipped) and "{run}" not in pattern else []
        return "data set", [*plan.config.datasets, *listless]
    if key == "classifier":
        return "classifier", [*plan.classifiers]
    if key == "embedding":
        return "embedding", classes.embeddings(plan)
    if key == "shard" and values.get("dataset") in plan.listed:
        return "shard", plan.shards(values["dataset"])
    if key == "number":
        return ("table", [*"123"]) if "table" in pattern else ("figure", [*"1234567"])
    return key, []


def _nearest_file(plan: Plan, path: str) -> str:
    """What to say of a path that fits no pattern: the file that it nearly is, or how those of its
    folder are named."""
    for ending in (".csv", ".txt", ".tsv", ".h5", ".safetensors"):
        whole = path.rstrip("/").rsplit(".", 1)[0] if "." in path.rsplit("/", 1)[-1] else path
        for candidate in (path.rstrip("/") + ending, whole + ending):
            if any(not reading.unknown for reading in _readings(plan, candidate)):
                return f"; did you mean {candidate}?"
    folder, slash, _ = path.removeprefix(paths.RESULTS).partition("/")
    if not slash:
        return suggest(path, _top_files(plan)) or f"; there are {', '.join(_top_files(plan))}"
    patterns = [one for one in _patterns() if one.count("/") > 1 and not one.endswith(".sha256")]
    folders = list(dict.fromkeys(one.split("/")[1].removesuffix("{side}") for one in patterns))
    if folder not in folders:
        near = suggest(folder, folders)
        return f": no folder {paths.RESULTS}{folder}{near or '; there are ' + ', '.join(folders)}"
    named = ", ".join(one for one in patterns if one.split("/")[1] in (folder, f"{folder}{{side}}"))
    return f"; the files of this folder are {named}"


def _not_served(plan: Plan, reading: _Reading) -> str:
    """Why a file of known names is not made."""
    run, dataset = reading.values.get("run", ""), reading.values.get("dataset", "")
    if dataset in plan.config.datasets and dataset not in plan.listed:
        return f": {dataset} is a class list without files"
    if dataset in plan.listed and plan.config.datasets[dataset].is_unlabelled:
        predictions = paths.PREDICTIONS.format(run=run or "<run>", dataset=dataset)
        return f": {dataset} has no labels to score by; ask for {predictions}"
    if run in plan.runs and dataset in plan.listed and dataset not in plan.runs[run].tests:
        base = plan.runs[run].base
        return f": run {run} is not tested on {dataset}; add it to runs.{base}.unseen"
    return f" with {plan.where}"


def _top_files(plan: Plan) -> list[str]:
    tables = [paths.TABLE.format(number=number) for number in plan.config.tables]
    compared = [paths.COMPARISONS] if plan.config.comparisons else []
    figures = [paths.FIGURE.format(number=number) for number in "1234567"]
    return [*tables, *compared, *figures, paths.REPORT]
