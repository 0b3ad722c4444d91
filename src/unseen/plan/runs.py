"""The runs of a configuration: each once a seed, and those of the sweeps behind Figures 4 to 6."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from unseen.base.errors import UserError
from unseen.network.dual_folder import find_dual
from unseen.network.published import find_published
from unseen.network.settings import TrainingSettings
from unseen.plan.settings import RANDOM_WORDS, WORD2VEC, Configuration
from unseen.plan.settings import Run as RunSection

TORCHVISION_WEIGHTS = {
    "KINETICS400_V1": "kinetics400",
    "KINETICS400_IMAGENET22K_V1": "kinetics400",
}
"""Names of torchvision's weights and the class list that each was trained on."""

PROMPTED = "-prompts"
"""Ends the name of the class embeddings by a dual run's own text encoder."""

Subset = dict[str, Any]
"""Part of a run's training data: `classes` or `fraction`, `clusters`, `cluster` and `repeat`."""


@dataclass(frozen=True)
class Convex:
    """How a run combines the classes of a classifier."""

    classifier: str
    is_run: bool
    """Whether that is an own run's, whose model says what it takes."""
    likeliest: int
    centre: bool
    input: Mapping[str, Any] = field(hash=False)
    """The input of a published network, as a model file says it."""


@dataclass(frozen=True)
class Dual:
    """An image-text or video-text model, and how a run uses it."""

    folder: str
    prompts: tuple[str, ...]
    of_videos: bool
    """Whether its classes' embeddings depend on the video."""
    input: Mapping[str, Any] = field(hash=False)
    """The input of the network, as a model file says it."""
    changed: Mapping[str, Any] = field(hash=False)
    """What of the input is the run's own."""

    @property
    def digest(self) -> str:
        """The content of the folder."""
        return _digest_of(self.folder)


@cache
def _digest_of(folder: str) -> str:
    return find_dual(Path(folder)).digest()


@dataclass(frozen=True)
class Pretraining:
    """A training behind a run's weights: what they are called, its data sets, and the run whose
    list of kept classes it took; None where it took all."""

    weights: str
    sets: tuple[str, ...]
    kept: str | None = None


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
    convex: Convex | None
    dual: Dual | None
    is_motion: bool
    settings: TrainingSettings = field(hash=False)

    @property
    def seen(self) -> tuple[str, ...]:
        """The data sets whose classes the run itself is trained on."""
        return self.train_on or self.trained_on

    @property
    def has_random_words(self) -> bool:
        """Whether the run's words are random vectors, a control."""
        return self.embedding.startswith(RANDOM_WORDS)

    @property
    def meaning(self) -> str:
        """The embedding that tells which classes are near each other: random words do not, nor
        do the texts of a dual model, which are needed where there is nothing to compare."""
        stands_in = self.has_random_words or (self.dual and self.seen)
        return WORD2VEC if stands_in else self.embedding

    @property
    def freeze(self) -> bool:
        """Whether the visual encoder stays as it is."""
        return self.settings.freeze

    @property
    def subset(self) -> Subset:
        """The part of the training data that the run takes; empty for all."""
        return self.settings.subset or {}

    @property
    def is_frozen_training(self) -> bool:
        """Whether the run trains the semantic encoder on stored features."""
        return bool(self.freeze and self.train_on)


def expand_runs(config: Configuration) -> dict[str, Run]:
    """All runs by name: those of the configuration once a seed, then those of the sweeps.

    Raises UserError for a name that two runs have.
    """
    tests = _tests(config)
    pruned = _prune_against(config)
    seeded_runs = [
        _run(config, base, seed, tests[base], pruned[base])
        for base in config.runs
        for seed in config.seeds
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


def settings_of(config: Configuration, base: str) -> TrainingSettings:
    """The settings of a run's training: its own, else those of all runs."""
    run = config.runs[base]
    own = {"freeze": run.freeze, "replace_head": run.replace_head}
    settings = TrainingSettings(**config.training.model_dump() | run.overrides | own)
    return replace(settings, dropout=settings.used_dropout)


def weights_kind(weights: str, runs: Iterable[str]) -> str | None:
    """`run`, `torchvision`, `file`, or None for a text that is none of these."""
    if weights in runs:
        return "run"
    if weights in TORCHVISION_WEIGHTS:
        return "torchvision"
    if "/" in weights or re.search(r"\.(safetensors|pt|pth|tar|ckpt)$", weights):
        return "file"
    return None


def pretraining(run: Run, runs: Mapping[str, Run]) -> tuple[list[Pretraining], list[str]]:
    """The trainings behind a run's weights, the latest first, and the weights of which nobody says
    what they have seen.

    A run without training is behind its weights itself: with what it says that they have seen. What
    pictures and texts a dual model began with is never known.
    """
    line = ancestry(run, runs)
    found = [
        Pretraining(one.name, one.seen, None if one.convex else one.base)
        for one in line
        if one.seen and not (one is run and (run.train_on or run.weights in runs))
    ]
    oldest, unknown = line[-1], []
    if oldest.weights in TORCHVISION_WEIGHTS:
        found.append(Pretraining(oldest.weights, (TORCHVISION_WEIGHTS[oldest.weights],)))
    elif oldest.weights and (oldest.dual or not oldest.trained_on):
        unknown.append(oldest.weights)
    elif oldest.weights and oldest.train_on:
        found.append(Pretraining(oldest.weights, oldest.trained_on))
    return found, unknown


def trained_on(run: Run, runs: Mapping[str, Run]) -> str:
    """The data sets that a run and the weights behind it are known to have seen, the latest first;
    pruned where classes near those of a test set were left out."""
    trainings, unknown = pretraining(run, runs)
    own = [(name, bool(run.prune_against)) for name in run.train_on]
    for one in trainings:
        behind = runs.get(one.kept or "")
        is_pruned = bool(behind and behind.train_on and behind.prune_against)
        own += [(name, is_pruned) for name in one.sets]
    said = [f"{name} (pruned)" if is_pruned else name for name, is_pruned in own]
    return ", ".join([*dict.fromkeys(said), *(["not known"] if unknown else [])])


def pretraining_sets(run: Run, runs: Mapping[str, Run]) -> list[str]:
    """The data sets that the trainings behind a run's weights took classes of."""
    return list(dict.fromkeys(name for one in pretraining(run, runs)[0] for name in one.sets))


def ancestry(run: Run, runs: Mapping[str, Run]) -> list[Run]:
    """A run and the runs that its weights come from, the nearest first."""
    line = [run]
    while line[-1].weights in runs:
        line.append(runs[line[-1].weights or ""])
    return line


def _run(
    config: Configuration, base: str, seed: int, tests: tuple[str, ...], pruned: tuple[str, ...]
) -> Run:
    run = config.runs[base]
    weights = run.weights
    if weights in config.runs:
        weights = seeded(weights or "", seed, config.seeds)
    convex, dual = convex_of(run, config.runs), dual_of(run)
    trained_on = run.trained_on
    if convex and convex.is_run:
        convex = replace(convex, classifier=weights or "")
        trained_on = config.runs[run.weights or ""].train_on
    elif convex:
        trained_on = [find_published(convex.classifier).trained_on]
    return Run(
        name=seeded(base, seed, config.seeds),
        base=base,
        seed=seed,
        train_on=tuple(run.train_on or ()),
        trained_on=tuple(trained_on or ()),
        unseen=tuple(run.unseen),
        prune_against=pruned,
        tests=tests,
        allow_seen=run.allow_seen,
        embedding=(
            seeded(RANDOM_WORDS, seed, config.seeds)
            if run.embedding == RANDOM_WORDS
            else f"{base}{PROMPTED}"
            if dual
            else run.embedding
        ),
        weights=weights,
        convex=convex,
        dual=dual,
        is_motion=run.method == "motion",
        settings=replace(settings_of(config, base), seed=seed),
    )


def convex_of(run: RunSection, runs: Mapping[str, RunSection]) -> Convex | None:
    """How a run of method convex combines the classes of one of `runs` or of a published
    classifier. Raises UserError for an unknown one."""
    if run.method != "convex":
        return None
    if run.weights in runs:
        return Convex(run.weights or "", True, run.likeliest, run.centre, {})
    published = find_published(run.weights or "")
    changed = {key: value for key, value in run.input.model_dump().items() if value is not None}
    return Convex(published.name, False, run.likeliest, run.centre, published.input | changed)


def dual_of(run: RunSection) -> Dual | None:
    """The model of a run of method dual. Raises UserError for a folder that is none, and for an
    input that it cannot take."""
    if run.method != "dual":
        return None
    found = find_dual(Path(run.weights or ""))
    changed = {key: value for key, value in run.input.model_dump().items() if value is not None}
    for key in ("crop", *(("frames",) if found.family.of_videos else ())):
        if changed.get(key, found.input[key]) != found.input[key]:
            raise UserError(
                f"{found.path} takes {found.input[key]} and no other number: remove input.{key}"
            )
    return Dual(
        folder=str(found.path),
        prompts=tuple(run.prompts or [found.family.prompt]),
        of_videos=found.family.of_videos,
        input=found.input | changed,
        changed=changed,
    )


def _tests(config: Configuration) -> dict[str, tuple[str, ...]]:
    """The data sets that each run is scored on: its unseen ones, those of the tables' rows and
    those of the comparisons.

    Of a class list alone, and of videos without labels, there is nothing to score.
    """
    tests = {name: dict.fromkeys(run.unseen) for name, run in config.runs.items()}
    for rows in config.tables.values():
        for row in rows:
            tests[row.run] |= dict.fromkeys(row.datasets)
    for pair in config.comparisons:
        for run in (pair.run, pair.against):
            tests[run] |= dict.fromkeys(pair.datasets)
    return {
        name: tuple(
            dataset
            for dataset in sets
            if config.datasets[dataset].layout and not config.datasets[dataset].is_unlabelled
        )
        for name, sets in tests.items()
    }


def _prune_against(config: Configuration) -> dict[str, tuple[str, ...]]:
    """The unseen sets of a run; with `prune_pretraining` also of those that start from it."""
    runs = config.runs
    pruned = {name: dict.fromkeys(run.unseen) for name, run in runs.items()}
    if config.overlap.prune_pretraining:
        for run in runs.values():
            ancestor = run.weights
            while ancestor in runs:
                pruned[ancestor] |= dict.fromkeys(run.unseen)
                ancestor = runs[ancestor].weights
    return {name: tuple(sets) for name, sets in pruned.items()}


# Sweeps (Fig. 4 to 6)


def sweep_name(base: str, subset: Subset) -> str:
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


def sweep_subsets(config: Configuration) -> dict[str, list[Subset]]:
    """Subsets of the training data: fractions (Fig. 4a), classes (4b, 6) and clusters (5)."""
    figures = config.figures
    repeats = range(figures.repeats)
    counts: list[Subset] = [
        {"classes": n, "repeat": r} for n in figures.class_counts for r in repeats
    ]
    fractions: list[Subset] = [{"fraction": f, "repeat": 0} for f in figures.fractions]
    clusters: list[Subset] = []
    for number in figures.clusters:
        for repeat in repeats:
            subset = {"classes": figures.cluster_classes, "clusters": number, "repeat": repeat}
            if figures.every_cluster and number > 1:
                clusters += [subset | {"cluster": index} for index in range(number)]
            else:
                clusters.append(subset)
    return {"classes": counts, "fractions": fractions, "clusters": clusters}


def sweep_runs_of(config: Configuration, figure: str) -> list[tuple[str, Subset]]:
    """(base run, subset) of every training run behind one of the figures 4a, 4b, 5 and 6."""
    subsets = sweep_subsets(config)
    parts, kind = {
        "4a": (("end_to_end", "baseline"), "fractions"),
        "4b": (("end_to_end", "baseline"), "classes"),
        "5": (("end_to_end",), "clusters"),
        "6": (("end_to_end", "pretrained"), "classes"),
    }[figure]
    bases = [base for part in parts if (base := config.figures.part(part))]
    return [(base, subset) for base in bases for subset in subsets[kind]]


def _sweep_runs(config: Configuration, runs: Mapping[str, Run]) -> Iterator[Run]:
    figures = config.figures
    overrides = figures.training.given
    for figure in ("4a", "4b", "5", "6"):
        for base, subset in sweep_runs_of(config, figure):
            whole = runs[base]
            settings = TrainingSettings(**asdict(whole.settings) | overrides | {"subset": subset})
            yield replace(
                whole,
                name=sweep_name(base, subset),
                tests=tuple(figures.datasets or whole.tests),
                settings=settings,
            )
