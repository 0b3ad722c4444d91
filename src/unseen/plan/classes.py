"""Class lists, class embeddings and overlap: what their stages read and are told."""

from collections.abc import Iterable
from typing import TypedDict

from unseen.plan import paths
from unseen.plan.plan import Inputs, Plan, class_embeddings, contents, meanings, named
from unseen.plan.runs import Pretraining, Run, pretraining, pretraining_sets
from unseen.plan.settings import WORD2VEC
from unseen.plan.sources import class_list, class_lists
from unseen.plan.specs import as_json


class Told(TypedDict):
    """A training whose classes count as seen: its name, its class embeddings and its kept list."""

    weights: str
    embeddings: dict[str, str]
    kept: str | None


# Words


def names(plan: Plan, dataset: str) -> list[str]:
    """The class names that a data set's files bring."""
    return [paths.CLASS_NAMES.format(dataset=dataset)] if dataset in plan.listed else []


def excluded(plan: Plan, dataset: str) -> list[str]:
    """The classes of a data set that are left out."""
    section = plan.config.datasets.get(dataset)
    return section.exclude if section else []


def list_contents(plan: Plan, dataset: str) -> str:
    """The content of the lists that name a data set's words."""
    return contents(class_lists(plan, dataset))


def list_arguments(plan: Plan, dataset: str) -> list[str]:
    """Arguments of name_words.py; where its lists lie is no part of what it depends on."""
    brought = names(plan, dataset)
    option = "--list" if class_list(plan, dataset) else "--known"
    return [*(["--names", *brought] if brought else []), option, *class_lists(plan, dataset)]


# Class embeddings


def embeddings(plan: Plan) -> list[str]:
    """The names of all class embeddings."""
    return [WORD2VEC, *random_embeddings(plan), *plan.config.embeddings]


def embedded_sets(plan: Plan, embedding: str = WORD2VEC) -> list[str]:
    """The data sets whose classes some run embeds in this way."""
    found = {
        name
        for run in plan.runs.values()
        if embedding in (run.embedding, run.meaning)
        for name in (*run.seen, *run.prune_against, *run.tests, *pretraining_sets(run, plan.runs))
    }
    return sorted(found)


def random_embeddings(plan: Plan) -> dict[str, int]:
    """The embeddings of random words that runs have, and the seed of each."""
    return {run.embedding: run.seed for run in plan.runs.values() if run.has_random_words}


def random_seed(plan: Plan, embedding: str) -> list[str]:
    """The argument of embed_classes.py that puts random vectors in place of the words' own."""
    seeds = random_embeddings(plan)
    return ["--random", str(seeds[embedding])] if embedding in seeds else []


def embedding_source(plan: Plan, embedding: str, dataset: str) -> list[str]:
    """The selected word vectors. A data set that no run is trained or tested on has its own, so
    that the others stay as they are."""
    if embedding in plan.config.embeddings:
        return []
    if dataset in embedded_sets(plan):
        return [paths.WORD_VECTORS]
    return [paths.OTHER_WORD_VECTORS.format(dataset=dataset)]


def embedding_inputs(plan: Plan, embedding: str, dataset: str) -> Inputs:
    """The words of a data set's classes and what embeds them."""
    words = paths.CLASS_LIST.format(dataset=dataset)
    return Inputs(small=(words, *embedding_source(plan, embedding, dataset)))


def embedding_arguments(plan: Plan, embedding: str, dataset: str) -> list[str]:
    """Arguments of embed_classes.py: what embeds."""
    if embedding in plan.config.embeddings:
        return ["--encoder", plan.config.embeddings[embedding].encoder]
    return ["--vectors", *embedding_source(plan, embedding, dataset)]


def missing_words(plan: Plan, dataset: str) -> str:
    """What becomes of a word without a vector. The classes of published classifiers that are no
    data set here need none: those without are not combined."""
    sources = {name for run in plan.runs.values() if run.convex for name in run.seen}
    if dataset in sources and dataset not in plan.config.datasets:
        return "drop_class"
    return plan.config.missing_words


# Overlap (Eq. 3 and 4)


def overlap_inputs(_plan: Plan, run: Run) -> Inputs:
    """Class embeddings of a run's training sets and unseen sets."""
    return Inputs(large=tuple(meanings(run, name) for name in (*run.seen, *run.prune_against)))


def overlap_arguments(plan: Plan, run: Run) -> list[str]:
    """Arguments of prune_classes.py: the sets and the classes excluded by name.

    A run that trains nothing has weights that have seen all classes; a convex one can still leave
    classes out of what it combines.
    """
    arguments = ["--train", *_embeddings_told(run, run.seen)]
    if run.prune_against:
        arguments += ["--unseen", *_embeddings_told(run, run.prune_against)]
    if not run.train_on and not run.convex:
        arguments += ["--keep-all"]
    elif plan.config.overlap.exclude_classes:
        arguments += ["--exclude", *plan.config.overlap.exclude_classes]
    return arguments


def _embeddings_told(run: Run, sets: Iterable[str]) -> list[str]:
    return named(sets, paths.CLASS_EMBEDDINGS.replace("{embedding}", run.meaning))


def overlaps(plan: Plan) -> list[str]:
    """The overlap of all runs with their unseen sets."""
    return [paths.OVERLAP.format(run=run) for run in plan.pruned]


def kept_lists(plan: Plan) -> list[str]:
    """The kept classes of all runs but those of subsets."""
    return [paths.KEPT.format(run=run) for run in plan.pruned]


# What the weights behind a run have seen


def pretraining_inputs(plan: Plan, run: Run) -> Inputs:
    """Class embeddings of the test sets and of what lies behind the weights, and the kept lists."""
    trainings, _ = pretraining(run, plan.runs)
    sets = dict.fromkeys((*pretraining_sets(run, plan.runs), *_tested(run)))
    kept = (paths.KEPT.format(run=one.kept) for one in trainings if one.kept)
    return Inputs(tuple(meanings(run, name) for name in sets), tuple(kept))


def pretraining_arguments(plan: Plan, run: Run) -> list[str]:
    """Arguments of trace_pretraining.py: the trainings behind a run's weights, and its test
    sets."""
    trainings, unknown = pretraining(run, plan.runs)
    told = [_told(run, one) for one in trainings]
    arguments = ["--trainings", as_json(told), "--tests", *_embeddings_told(run, _tested(run))]
    return [*arguments, *(["--unknown", *unknown] if unknown else [])]


def trainings_told(plan: Plan, run: Run) -> list[Told]:
    """All that a run has been trained on, its own training first, as JSON values."""
    own = [_told(run, Pretraining("training", run.train_on))] if run.train_on else []
    for one in own:
        one["kept"] = plan.kept(run)[0]
    return [*own, *(_told(run, one) for one in pretraining(run, plan.runs)[0])]


def _told(run: Run, training: Pretraining) -> Told:
    """A training for those that read its classes (`unseen.classes.pretraining.Training`)."""
    return {
        "weights": training.weights,
        "embeddings": {name: meanings(run, name) for name in training.sets},
        "kept": paths.KEPT.format(run=training.kept) if training.kept else None,
    }


def files_told(trainings: Iterable[Told]) -> list[str]:
    """The files that some trainings name."""
    known = list(trainings)
    embeddings = [path for one in known for path in one["embeddings"].values()]
    return [*embeddings, *(one["kept"] for one in known if one["kept"])]


def _tested(run: Run) -> list[str]:
    """The sets whose classes a run claims not to know, and those that it is scored on all the
    same."""
    return list(dict.fromkeys((*run.unseen, *run.tests)))


def pretraining_states(plan: Plan) -> list[str]:
    """What the weights behind each run have seen, of the runs that are tested."""
    return [
        paths.PRETRAINING_STATE.format(run=name)
        for name, run in plan.runs.items()
        if run.name == run.base and run.tests
    ]


# Subsets (Fig. 4 to 6)


def subset_inputs(plan: Plan, run: Run) -> Inputs:
    """The kept classes that a subset is taken of, and what they are clustered by."""
    return Inputs(small=(subset_classes(plan, run), *subset_embeddings(plan, run)))


def subset_classes(_plan: Plan, run: Run) -> str:
    """The kept classes of the whole run."""
    return paths.KEPT.format(run=run.base)


def subset_embeddings(_plan: Plan, run: Run) -> list[str]:
    """The class embeddings of the training sets."""
    return [class_embeddings(run, name) for name in run.train_on]


def subset(_plan: Plan, run: Run) -> dict[str, object]:
    """Which subset a run takes."""
    return run.subset
