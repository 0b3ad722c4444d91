"""The configuration: checked against its schema, filled with defaults, its runs expanded.

The workflow reads everything about data sets and runs from here. No stage imports this module:
a stage is told its own settings on its command line.
"""

import copy
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from unseen.base.errors import UserError
from unseen.network.settings import TrainingSettings

WORD2VEC = "word2vec"
TORCHVISION_WEIGHTS = {
    "KINETICS400_V1": "kinetics400",
    "KINETICS400_IMAGENET22K_V1": "kinetics400",
}
"""Names of torchvision's weights and the class list that each was trained on."""

Settings = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One training run with one seed, as the stages see it."""

    name: str
    base: str
    seed: int
    train_on: tuple[str, ...]
    trained_on: tuple[str, ...]
    unseen: tuple[str, ...]
    prune_against: tuple[str, ...]
    tests: tuple[str, ...]
    allow_seen: bool
    embedding: str
    weights: str | None
    freeze: bool
    settings: Settings = field(hash=False)

    @property
    def seen(self) -> tuple[str, ...]:
        """The data sets whose classes the run itself is trained on."""
        return self.train_on or self.trained_on


@cache
def read_schema(path: Path) -> dict[str, Any]:
    """The schema, with the keys of `training` put where other sections refer to them."""
    schema = yaml.safe_load(path.read_text())
    training = schema["$defs"]["training"]
    for owner in (schema["properties"]["training"], _figures(schema)["training"]):
        owner["properties"] = training
    run = schema["$defs"]["run"]["properties"]
    run.pop("$ref")
    run |= {key: _without_default(value) for key, value in training.items()}
    _figures(schema)["training"]["properties"] = {
        key: _without_default(value) for key, value in training.items()
    }
    del schema["$defs"]["training"]
    return schema


def _figures(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["properties"]["figures"]["properties"]


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "default"}


def complete(config: Settings, schema_path: Path, where: str) -> Settings:
    """The configuration with numbers read as numbers and defaults filled in.

    Raises:
        UserError: A line for each mistake; names `where` (the configuration's file) and the key.
    """
    schema = read_schema(schema_path)
    config = _read_numbers(copy.deepcopy(config), schema, schema)
    mistakes = sorted({_explain(error) for error in _walk(config, schema)})
    if mistakes:
        raise UserError("\n       ".join(f"{where}: {mistake}" for mistake in mistakes))
    config = _fill(config, schema, schema)
    _check_names(config, where)
    return config


def _walk(config: Settings, schema: dict[str, Any]) -> Iterator[ValidationError]:
    for error in Draft202012Validator(schema).iter_errors(config):
        yield best_match(error.context) if error.context else error


def _explain(error: ValidationError) -> str:
    """One line for a mistake: the key, what is wrong with it, and what is possible."""
    key = ".".join(map(str, error.absolute_path))
    value = error.instance
    match error.validator:
        case "additionalProperties":
            known = list(error.schema.get("properties", ()))
            unknown = [name for name in value if name not in known]
            return "; ".join(
                f"unknown key {'.'.join([*filter(None, [key]), str(name)])}"
                f"{_suggest(str(name), known)}"
                for name in unknown
            )
        case "required":
            missing = [name for name in error.validator_value if name not in value]
            return f"{key or 'the configuration'} lacks the key {', '.join(missing)}"
        case "type" if error.parent is None and "propertyNames" in error.absolute_schema_path:
            return f"{key}: {value!r} is no text: put the name in quotes"
        case "type":
            wanted = error.validator_value
            wanted = wanted if isinstance(wanted, str) else " or ".join(wanted)
            return f"{key} must be of type {wanted}, not {value!r}"
        case "enum":
            choices = ", ".join(map(str, error.validator_value))
            return f"{key} is {value!r}; possible: {choices}"
        case "pattern":
            return f"{value!r} is no name: use letters, digits, '_', '.' and '-'"
        case _:
            return f"{key}: {error.message}"


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _children(value: Settings, schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema of each key that a mapping has or could have."""
    children = dict(schema.get("properties", {}))
    further = schema.get("additionalProperties")
    if isinstance(further, dict):
        children |= {key: further for key in value if key not in children}
    return {key: _resolve(child, root) for key, child in children.items()}


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _read_numbers(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Turn texts such as `1e-3`, which YAML 1.1 takes for a string, into the number they mean."""
    schema = _resolve(schema, root)
    if isinstance(value, dict):
        children = _children(value, schema, root)
        return {
            key: _read_numbers(item, children[key], root) if key in children else item
            for key, item in value.items()
        }
    if isinstance(value, list) and "items" in schema:
        return [_read_numbers(item, schema["items"], root) for item in value]
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if isinstance(value, str) and "number" in types and "string" not in types:
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _fill(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    schema = _resolve(schema, root)
    if isinstance(value, list) and "items" in schema:
        return [_fill(item, schema["items"], root) for item in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for key, child in _children(value, schema, root).items():
        if key not in filled and "default" in child:
            filled[key] = copy.deepcopy(child["default"])
        if key in filled:
            filled[key] = _fill(filled[key], child, root)
    return filled


def as_list(value: str | list[str] | None) -> list[str]:
    """A name, a list of names or nothing, as a list of names."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _check_names(config: Settings, where: str) -> None:
    """Refuse names that stand for nothing, circles of weights and scores on seen sets."""
    mistakes = [
        *_dataset_mistakes(config),
        *_run_mistakes(config),
        *_row_mistakes(config),
        *_figure_mistakes(config),
    ]
    if mistakes:
        raise UserError("\n       ".join(f"{where}: {mistake}" for mistake in mistakes))


def _dataset_mistakes(config: Settings) -> Iterator[str]:
    for name, dataset in config["datasets"].items():
        if "layout" in dataset and "root" not in dataset:
            yield f"datasets.{name} has a layout but lacks the key root"
        if "root" in dataset and "layout" not in dataset:
            yield f"datasets.{name} has a root but lacks the key layout"
        if dataset.get("layout") in ("kinetics", "activitynet") and "annotations" not in dataset:
            yield (
                f"datasets.{name} lacks the key annotations, which the layout "
                f"{dataset['layout']} needs"
            )


def _run_mistakes(config: Settings) -> Iterator[str]:
    datasets, runs = config["datasets"], config["runs"]
    for name, run in runs.items():
        for key in ("train_on", "trained_on", "unseen"):
            for dataset in as_list(run.get(key)):
                if dataset not in datasets and not (
                    key == "trained_on" and dataset in set(TORCHVISION_WEIGHTS.values())
                ):
                    yield f"runs.{name}.{key} names no data set: {dataset}" + _suggest(
                        dataset, datasets
                    )
        if name.endswith("-permuted"):
            yield f"runs.{name}: names that end in -permuted are those of the controls"
        both = set(as_list(run.get("train_on"))) & set(run["unseen"])
        if both:
            yield f"runs.{name} trains on {', '.join(sorted(both))}, which it calls unseen"
        if run["embedding"] != WORD2VEC and run["embedding"] not in config["embeddings"]:
            yield f"runs.{name}.embedding names no embedding: {run['embedding']}"
        weights = run["weights"]
        if weights is not None and weights_kind(weights, runs) is None:
            yield (
                f"runs.{name}.weights is neither a run, nor a file, nor one of torchvision's "
                f"({', '.join(TORCHVISION_WEIGHTS)}): {weights}{_suggest(weights, runs)}"
            )
        if "train_on" not in run and weights is None:
            yield f"runs.{name} has neither train_on nor weights: nothing to train or to test"
        if "train_on" not in run and "trained_on" not in run and weights not in (None, *runs):
            yield f"runs.{name} has no train_on: trained_on must say what its weights have seen"
        if run["freeze"] and weights is None:
            yield f"runs.{name} has freeze without weights: a random encoder would be frozen"
        yield from _training_mistakes(config, name, run)
    circle = _circle(runs)
    if circle:
        yield f"the weights of these runs form a circle: {' -> '.join(circle)}"


LOSSES_THAT_READ = {
    "temperature": ("contrastive",),
    "uniformity": ("contrastive",),
    "projection": ("contrastive",),
    "mixing": ("mse", "mse_sum", "contrastive"),
}


def _training_mistakes(config: Settings, name: str, run: Settings) -> Iterator[str]:
    """Settings that do not go together, and those of the run itself that its loss never reads."""
    if "train_on" not in run:
        return
    settings = _training_of(config, name)
    for mistake in TrainingSettings(**settings).mistakes():
        yield f"runs.{name}: {mistake}"
    for key, losses in LOSSES_THAT_READ.items():
        if run.get(key) and settings["loss"] not in losses:
            yield f"runs.{name}.{key} has no effect on loss: {settings['loss']}"
    if settings["crop"] > config["clips"]["short_side"]:
        yield (
            f"runs.{name}: crop {settings['crop']} is larger than clips.short_side "
            f"({config['clips']['short_side']})"
        )


def weights_kind(weights: str, runs: Iterable[str]) -> str | None:
    """`run`, `torchvision`, `file`, or None for a text that is none of these."""
    if weights in runs:
        return "run"
    if weights in TORCHVISION_WEIGHTS:
        return "torchvision"
    if "/" in weights or re.search(r"\.(pt|pth|tar|ckpt)$", weights):
        return "file"
    return None


def _circle(runs: Settings) -> list[str]:
    for start in runs:
        path = [start]
        while (follower := runs[path[-1]]["weights"]) in runs:
            if follower in path:
                return [*path[path.index(follower) :], follower]
            path.append(follower)
    return []


def _row_mistakes(config: Settings) -> Iterator[str]:
    for table in ("table1", "table2", "table3"):
        for number, row in enumerate(config[table]):
            where = f"{table}[{number}]"
            if row["run"] not in config["runs"]:
                yield f"{where}.run names no run: {row['run']}" + _suggest(
                    row["run"], config["runs"]
                )
                continue
            run = config["runs"][row["run"]]
            for dataset in as_list(run.get("train_on")):
                if "layout" not in config["datasets"].get(dataset, {}):
                    yield f"{where} needs run {row['run']}: {dataset} has no layout, so no clips"
            for dataset in row["datasets"]:
                if dataset not in config["datasets"]:
                    yield f"{where}.datasets names no data set: {dataset}"
                elif "layout" not in config["datasets"][dataset]:
                    yield f"{where}.datasets: {dataset} has no layout, so it has no videos"
                elif dataset not in run["unseen"] and not run["allow_seen"]:
                    yield (
                        f"{where} scores run {row['run']} on {dataset}, which is not in its "
                        f"unseen: add it to runs.{row['run']}.unseen, or allow_seen: true to "
                        f"score it all the same"
                    )


def _figure_mistakes(config: Settings) -> Iterator[str]:
    figures = config["figures"]
    for part in ("end_to_end", "baseline", "pretrained"):
        if part in figures and figures[part] not in config["runs"]:
            yield f"figures.{part} names no run: {figures[part]}" + _suggest(
                figures[part], config["runs"]
            )
    for part in ("end_to_end", "baseline", "pretrained"):
        run = config["runs"].get(figures.get(part))
        for dataset in figures.get("datasets", []) if run else []:
            if "layout" not in config["datasets"].get(dataset, {}):
                yield f"figures.datasets names no data set with videos: {dataset}"
            elif dataset not in run["unseen"] and not run["allow_seen"]:
                yield f"figures.datasets: {dataset} is not in the unseen of run {figures[part]}"


# Runs


def expand_runs(config: Settings) -> dict[str, Run]:
    """All runs by name: those of the configuration once a seed, then those of the sweeps.

    Raises UserError for a name that two runs have.
    """
    tests = _tests(config)
    pruned = _prune_against(config)
    seeded_runs = [
        _run(config, base, seed, tests[base], pruned[base])
        for base in config["runs"]
        for seed in config["seeds"]
    ]
    runs = {run.name: run for run in seeded_runs}
    sweeps = {run.name: run for run in _sweep_runs(config, runs)}
    names = Counter([*(run.name for run in seeded_runs), *sweeps])
    for name in [name for name, number in names.items() if number > 1]:
        raise UserError(
            f"runs.{name} has a name that another run gets by its seed or its subset; rename it"
        )
    return runs | sweeps


def seeded(base: str, seed: int, seeds: list[int]) -> str:
    """The name of a run with a seed: the first seed of the list keeps the run's own name."""
    return base if seed == seeds[0] else f"{base}-seed{seed}"


def _run(
    config: Settings, base: str, seed: int, tests: tuple[str, ...], pruned: tuple[str, ...]
) -> Run:
    run = config["runs"][base]
    settings = _training_of(config, base) | {"seed": seed}
    weights = run["weights"]
    if weights in config["runs"]:
        weights = seeded(weights, seed, config["seeds"])
    return Run(
        name=seeded(base, seed, config["seeds"]),
        base=base,
        seed=seed,
        train_on=tuple(as_list(run.get("train_on"))),
        trained_on=tuple(as_list(run.get("trained_on"))),
        unseen=tuple(run["unseen"]),
        prune_against=pruned,
        tests=tests,
        allow_seen=run["allow_seen"],
        embedding=run["embedding"],
        weights=weights,
        freeze=run["freeze"],
        settings=settings,
    )


def _training_of(config: Settings, base: str) -> Settings:
    """The settings of a run's training: its own, else those of all runs."""
    run = config["runs"][base]
    settings = {key: run.get(key, value) for key, value in config["training"].items()}
    settings |= {key: run[key] for key in ("freeze", "replace_head")}
    if settings["dropout"] is None:
        settings["dropout"] = 0.1 if settings["network"] == "c3d" else 0.05
    return settings


def _tests(config: Settings) -> dict[str, tuple[str, ...]]:
    """The data sets that each run is scored on: its unseen ones and those of the tables' rows.

    Of a class list alone there is nothing to score.
    """
    tests = {name: dict.fromkeys(run["unseen"]) for name, run in config["runs"].items()}
    for table in ("table1", "table2", "table3"):
        for row in config[table]:
            tests[row["run"]] |= dict.fromkeys(row["datasets"])
    return {
        name: tuple(dataset for dataset in sets if "layout" in config["datasets"][dataset])
        for name, sets in tests.items()
    }


def _prune_against(config: Settings) -> dict[str, tuple[str, ...]]:
    """The unseen sets of a run; with `prune_pretraining` also of those that start from it."""
    runs = config["runs"]
    pruned = {name: dict.fromkeys(run["unseen"]) for name, run in runs.items()}
    if config["overlap"]["prune_pretraining"]:
        for run in runs.values():
            ancestor = run["weights"]
            while ancestor in runs:
                pruned[ancestor] |= dict.fromkeys(run["unseen"])
                ancestor = runs[ancestor]["weights"]
    return {name: tuple(sets) for name, sets in pruned.items()}


def chain(run: Run, runs: dict[str, Run]) -> list[str]:
    """Data sets that a run's initial weights were trained on, along the chain of `weights`."""
    found: dict[str, None] = {}
    weights = run.weights
    while weights in runs:
        found |= dict.fromkeys(runs[weights].seen)
        weights = runs[weights].weights
    if weights in TORCHVISION_WEIGHTS:
        found[TORCHVISION_WEIGHTS[weights]] = None
    return [name for name in found if name not in run.seen]


# Sweeps (Fig. 4 to 6)


def sweep_name(base: str, subset: Settings) -> str:
    """A sweep run's name, such as `e2e-50classes-2clusters-repeat1` or `e2e-10percent`."""
    parts = [base]
    if "classes" in subset:
        parts.append(f"{subset['classes']}classes")
    if "fraction" in subset:
        parts.append(f"{100 * subset['fraction']:g}percent")
    if subset.get("clusters", 1) > 1:
        parts.append(f"{subset['clusters']}clusters")
    if "cluster" in subset:
        parts.append(f"cluster{subset['cluster']}")
    return "-".join([*parts, f"repeat{subset['repeat']}"])


def sweep_subsets(config: Settings) -> dict[str, list[Settings]]:
    """Subsets of the training data: fractions (Fig. 4a), classes (4b, 6) and clusters (5)."""
    figures = config["figures"]
    repeats = range(figures["repeats"])
    counts = [{"classes": n, "repeat": r} for n in figures["class_counts"] for r in repeats]
    fractions = [{"fraction": f, "repeat": 0} for f in figures["fractions"]]
    clusters = []
    for number in figures["clusters"]:
        for repeat in repeats:
            subset = {"classes": figures["cluster_classes"], "clusters": number, "repeat": repeat}
            if figures["every_cluster"] and number > 1:
                clusters += [subset | {"cluster": index} for index in range(number)]
            else:
                clusters.append(subset)
    return {"classes": counts, "fractions": fractions, "clusters": clusters}


def sweep_runs_of(config: Settings, figure: str) -> list[tuple[str, Settings]]:
    """(base run, subset) of every training run behind one of the figures 4a, 4b, 5 and 6."""
    figures, subsets = config["figures"], sweep_subsets(config)
    parts, kind = {
        "4a": (("end_to_end", "baseline"), "fractions"),
        "4b": (("end_to_end", "baseline"), "classes"),
        "5": (("end_to_end",), "clusters"),
        "6": (("end_to_end", "pretrained"), "classes"),
    }[figure]
    return [
        (figures[part], subset) for part in parts if part in figures for subset in subsets[kind]
    ]


def _sweep_runs(config: Settings, runs: dict[str, Run]) -> Iterator[Run]:
    figures = config["figures"]
    for figure in ("4a", "4b", "5", "6"):
        for base, subset in sweep_runs_of(config, figure):
            whole = runs[base]
            yield Run(
                **{
                    **vars(whole),
                    "name": sweep_name(base, subset),
                    "tests": tuple(figures.get("datasets", whole.tests)),
                    "settings": whole.settings | figures["training"] | {"subset": subset},
                }
            )
