"""Reading a configuration: every mistake is named, with its key, before any job starts."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from unseen.base.errors import UserError
from unseen.base.settings import fields_of, mistakes_in, suggest, too_large, unread
from unseen.network.settings import TrainingSettings
from unseen.plan import paths
from unseen.plan.runs import (
    PROMPTED,
    TORCHVISION_WEIGHTS,
    convex_of,
    dual_of,
    settings_of,
    weights_kind,
)
from unseen.plan.settings import (
    RANDOM_WORDS,
    WORD2VEC,
    Comparison,
    Configuration,
    Dataset,
    Row,
    Run,
)
from unseen.results.protocol_names import FULL, HALF, LISTS, protocol_of

NEED_ANNOTATIONS = ("kinetics", "activitynet")
PLACES = ("device", "dtype", "threads", "workers")
"""Keys of training that say where and how a network computes."""
PARTS = ("end_to_end", "baseline", "pretrained")
_REPEATING = re.compile(r"(.+?)\1{19}$")


def read_configuration(values: Mapping[str, Any], where: str) -> Configuration:
    """A configuration with its defaults, checked.

    Raises:
        UserError: A line for each mistake; names `where` (the configuration's file) and the key:
            keys that are not known, values that are not possible, names that stand for nothing,
            circles of weights and scores on sets that are not unseen.
    """
    try:
        configuration = Configuration.model_validate(values)
    except ValidationError as error:
        raise _mistaken(set(mistakes_in(error, Configuration)), where) from None
    if large := [*too_large(values)]:
        raise _mistaken(large, where)
    mistakes = [
        *_name_mistakes(configuration),
        *_dataset_mistakes(configuration),
        *_run_mistakes(configuration),
        *_row_mistakes(configuration),
        *_figure_mistakes(configuration),
    ]
    if mistakes:
        raise _mistaken(mistakes, where)
    return configuration


def _mistaken(mistakes: set[str] | list[str], where: str) -> UserError:
    lines = sorted(mistakes) if isinstance(mistakes, set) else mistakes
    return UserError("\n       ".join(f"{where}: {mistake}" for mistake in lines))


def _name_mistakes(config: Configuration) -> Iterator[str]:
    """Names that Snakemake takes for those of rules that feed themselves without end."""
    sections: dict[str, Mapping[str, Any]] = {
        "datasets": config.datasets,
        "runs": config.runs,
        "embeddings": config.embeddings,
    }
    for section, named in sections.items():
        for name in named:
            if _REPEATING.search(name):
                yield f"{section}.{name} ends in the same letters twenty times; rename it"
    for name in config.embeddings:
        if name == WORD2VEC or name.startswith(RANDOM_WORDS):
            yield f"embeddings.{name} has the name of an embedding that is always there; rename it"


def _dataset_mistakes(config: Configuration) -> Iterator[str]:
    for name, dataset in config.datasets.items():
        if dataset.layout and not dataset.root:
            yield f"datasets.{name} has a layout but lacks the key root"
        if dataset.root and not dataset.layout:
            yield f"datasets.{name} has a root but lacks the key layout"
        if dataset.layout in NEED_ANNOTATIONS and not dataset.annotations:
            yield (
                f"datasets.{name} lacks the key annotations, which the layout "
                f"{dataset.layout} needs"
            )
        if dataset.labels == "none" and dataset.layout != "folders":
            yield (
                f"datasets.{name}.labels is none, which is possible with layout: folders alone"
                f" (not {dataset.layout or 'a class list'})"
            )
        elif dataset.is_unlabelled and dataset.exclude:
            yield f"datasets.{name}.exclude names classes of clips, but {_unlabelled(dataset)}"
        if dataset.splits and not dataset.layout:
            yield f"datasets.{name}.splits: a class list alone has no videos to score"
        elif dataset.splits and dataset.is_unlabelled:
            yield f"datasets.{name}.splits: nothing is scored, for {_unlabelled(dataset)}"
        yield from _protocol_mistakes(name, dataset)


def _protocol_mistakes(name: str, dataset: Dataset) -> Iterator[str]:
    taken = [HALF, FULL, LISTS]
    for text in dataset.splits:
        protocol = protocol_of(name, text)
        if protocol in taken:
            yield f"datasets.{name}.splits: {text}: another protocol has the name {protocol}"
        taken.append(protocol)


def _unlabelled(dataset: Dataset) -> str:
    """Why no clip of a data set has a class."""
    if dataset.labels == "none":
        return "its clips have none (labels: none)"
    return "its clips have none (annotations is a list of paths)"


def _run_mistakes(config: Configuration) -> Iterator[str]:
    datasets, runs = config.datasets, config.runs
    for name, run in runs.items():
        named = {"train_on": run.train_on, "trained_on": run.trained_on, "unseen": run.unseen}
        for key, sets in named.items():
            known = {*datasets, *(TORCHVISION_WEIGHTS.values() if key == "trained_on" else ())}
            for dataset in sets or ():
                if dataset not in known:
                    yield f"runs.{name}.{key} names no data set: {dataset}" + suggest(
                        dataset, datasets
                    )
        for dataset in run.train_on or ():
            if dataset in datasets and datasets[dataset].is_unlabelled:
                why = _unlabelled(datasets[dataset])
                yield f"runs.{name}.train_on: {dataset} has no classes to learn: {why}"
        if name.endswith("-permuted"):
            yield f"runs.{name}: names that end in -permuted are those of the controls"
        both = {*(run.train_on or ())} & {*run.unseen}
        if both:
            yield f"runs.{name} trains on {', '.join(sorted(both))}, which it calls unseen"
        embeddings = [WORD2VEC, RANDOM_WORDS, *config.embeddings]
        if run.embedding not in embeddings:
            yield f"runs.{name}.embedding names no embedding: {run.embedding}" + suggest(
                run.embedding, embeddings
            )
        if run.method == "convex":
            yield from _convex_mistakes(config, name, run)
            continue
        if run.method == "dual":
            yield from _dual_mistakes(config, name, run)
            continue
        if run.method == "motion":
            yield from _motion_mistakes(name, run)
            continue
        methods = {"likeliest": "convex", "centre": "convex", "prompts": "dual"}
        for key, method in (methods | {"input": "convex or dual"}).items():
            if key in run.given:
                yield f"runs.{name}.{key} is read with method: {method} alone"
        if run.weights is not None and weights_kind(run.weights, runs) is None:
            yield (
                f"runs.{name}.weights is neither a run, nor a file, nor one of torchvision's "
                f"({', '.join(TORCHVISION_WEIGHTS)}): {run.weights}{suggest(run.weights, runs)}"
            )
        if not run.train_on and run.weights is None:
            yield f"runs.{name} has neither train_on nor weights: nothing to train or to test"
        if run.train_on and run.trained_on and weights_kind(run.weights or "", runs) != "file":
            yield (
                f"runs.{name}.trained_on says what weights from a file have seen, and this run "
                f"starts from none"
            )
        if not run.train_on and run.trained_on is None and run.weights not in (None, *runs):
            yield f"runs.{name} has no train_on: trained_on must say what its weights have seen"
        if run.freeze and run.weights is None:
            yield f"runs.{name} has freeze without weights: a random encoder would be frozen"
        if run.train_on:
            yield from _training_mistakes(config, name, run)
        if run.weights in runs and (method := runs[run.weights].method) != "word_space":
            yield f"runs.{name}.weights: {run.weights} is of method {method}: it has no weights"
    circle = _circle(runs)
    if circle:
        yield f"the weights of these runs form a circle: {' -> '.join(circle)}"


def _convex_mistakes(config: Configuration, name: str, run: Run) -> Iterator[str]:
    """What a run without training has no use for, and a classifier that is not known."""
    yield from _unread(name, run, "trained_on", "prompts")
    try:
        convex = convex_of(run, config.runs)
    except UserError as error:
        near = suggest(run.weights or "", config.runs)
        yield f"runs.{name}.weights: {error}" + (f" (no run either{near})" if near else "")
        return
    if convex and convex.is_run:
        source = config.runs[convex.classifier]
        is_trained = source.train_on and source.method == "word_space"
        if not is_trained or settings_of(config, convex.classifier).loss != "classification":
            yield (
                f"runs.{name}.weights: {convex.classifier} is no classifier: one is trained with"
                f" loss: classification"
            )
        if run.input.given:
            yield f"runs.{name}.input is read with a published classifier alone; a run has its own"
    elif convex and convex.input["crop"] > convex.input["short_side"]:
        yield (
            f"runs.{name}.input: crop {convex.input['crop']} is larger than short_side "
            f"({convex.input['short_side']})"
        )


def _dual_mistakes(config: Configuration, name: str, run: Run) -> Iterator[str]:
    """The same of a folder's model, and a name that its class embeddings would share."""
    yield from _unread(name, run, "embedding", "likeliest", "centre")
    if f"{name}{PROMPTED}" in config.embeddings:
        yield f"embeddings.{name}{PROMPTED} has the name of run {name}'s own texts; rename it"
    try:
        dual = dual_of(run)
    except UserError as error:
        yield f"runs.{name}.weights: {error}"
        return
    if dual and dual.input["crop"] > dual.input["short_side"]:
        yield (
            f"runs.{name}.input: short_side {dual.input['short_side']} is smaller than the"
            f" {dual.input['crop']} pixels that {dual.folder} takes"
        )


def _unread(name: str, run: Run, *keys: str) -> Iterator[str]:
    """Keys that a run of published weights as they are has no use for, `keys` beside all such."""
    unread_keys = ("train_on", "freeze", "replace_head", *keys)
    for key, value in run.given.items():
        if value and (key in unread_keys or (key in run.overrides and key not in PLACES)):
            yield f"runs.{name}.{key} has no effect on method: {run.method}, which trains nothing"


def _motion_mistakes(name: str, run: Run) -> Iterator[str]:
    """What a run without a network has no use for."""
    read = ("method", "train_on", "unseen", "allow_seen", "embedding")
    for key, value in run.given.items():
        if value and key not in read:
            yield f"runs.{name}.{key} has no effect on method: motion, which has no network"
    if not run.train_on:
        yield f"runs.{name} lacks train_on: method motion compares with training clips"


def _training_mistakes(config: Configuration, name: str, run: Run) -> Iterator[str]:
    """Settings that do not go together, and those of the run itself that its loss never reads."""
    settings = settings_of(config, name)
    for mistake in settings.mistakes():
        yield f"runs.{name}: {mistake}"
    for key, needed in unread(fields_of(TrainingSettings), vars(settings)).items():
        if needed.key == "loss" and run.overrides.get(key):
            yield f"runs.{name}.{key} has no effect on loss: {settings.loss}"
    if settings.crop > config.clips.short_side:
        yield (
            f"runs.{name}: crop {settings.crop} is larger than clips.short_side "
            f"({config.clips.short_side})"
        )


def _circle(runs: Mapping[str, Run]) -> list[str]:
    for start in runs:
        path = [start]
        while (follower := runs[path[-1]].weights or "") in runs:
            if follower in path:
                return [*path[path.index(follower) :], follower]
            path.append(follower)
    return []


def _row_mistakes(config: Configuration) -> Iterator[str]:
    for table, rows in config.tables.items():
        for number, row in enumerate(rows):
            where = f"table{table}[{number}]"
            yield from _score_mistakes(config, where, "run", row)
            if table == 3 and {*(row.protocols or ())} - {HALF, FULL}:
                yield f"{where}.protocols: table 3 shows {HALF} and {FULL} side by side, no other"
                continue
            known = [
                protocol
                for name in row.datasets
                if name in config.datasets
                for protocol in config.datasets[name].protocols(name)
            ]
            for protocol in row.protocols or ():
                if protocol not in known:
                    yield (
                        f"{where}.protocols: no test set of the row has {protocol}: they have"
                        f" {', '.join(dict.fromkeys(known))} (see datasets.*.annotations, splits)"
                    )
    for number, pair in enumerate(config.comparisons):
        for key in ("run", "against"):
            yield from _score_mistakes(config, f"comparisons[{number}]", key, pair)


def _score_mistakes(
    config: Configuration, where: str, key: str, row: Row | Comparison
) -> Iterator[str]:
    """Scores of the run under `key` that cannot be had, or not as if its classes were unseen."""
    name: str = getattr(row, key)
    if name not in config.runs:
        yield f"{where}.{key} names no run: {name}" + suggest(name, config.runs)
        return
    run = config.runs[name]
    for dataset in run.train_on or ():
        if dataset in config.datasets and not config.datasets[dataset].layout:
            yield f"{where} needs run {name}: {dataset} has no layout, so no clips"
    for dataset in row.datasets:
        if dataset not in config.datasets:
            yield f"{where}.datasets names no data set: {dataset}" + suggest(
                dataset, config.datasets
            )
        elif not config.datasets[dataset].layout:
            yield f"{where}.datasets: {dataset} has no layout, so it has no videos"
        elif config.datasets[dataset].is_unlabelled:
            yield (
                f"{where}.datasets: {dataset} cannot be scored: "
                f"{_unlabelled(config.datasets[dataset])}; ask for its predictions, "
                f"{paths.PREDICTIONS.format(run=name, dataset=dataset)}"
            )
        elif dataset not in run.unseen and not run.allow_seen:
            yield (
                f"{where} scores run {name} on {dataset}, which is not in its "
                f"unseen: add it to runs.{name}.unseen, or allow_seen: true to "
                f"score it all the same"
            )


def _figure_mistakes(config: Configuration) -> Iterator[str]:
    figures = config.figures
    for part in PARTS:
        name = figures.part(part)
        if name is None:
            continue
        if name not in config.runs:
            yield f"figures.{part} names no run: {name}" + suggest(name, config.runs)
            continue
        run = config.runs[name]
        if run.method == "motion":
            yield f"figures.{part} names {name}, a run of method motion, which trains nothing"
        for dataset in figures.datasets or ():
            if dataset not in config.datasets or not config.datasets[dataset].layout:
                yield f"figures.datasets names no data set with videos: {dataset}"
            elif config.datasets[dataset].is_unlabelled:
                why = _unlabelled(config.datasets[dataset])
                yield f"figures.datasets: {dataset} cannot be scored: {why}"
            elif dataset not in run.unseen and not run.allow_seen:
                yield f"figures.datasets: {dataset} is not in the unseen of run {name}"
