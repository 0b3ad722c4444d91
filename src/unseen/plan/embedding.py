"""Embedding: which videos a run's model embeds, in one job for all its test sets.

A run of method convex embeds in two steps: `classify_videos` runs the classifier, once for all runs
that share it, and `combine_classes` reads the rest off its probabilities.
"""

from dataclasses import dataclass
from typing import Any

from unseen.plan import paths
from unseen.plan.clips import rejected_limit
from unseen.plan.dual import class_texts
from unseen.plan.plan import Inputs, Plan, model_of, named, named_stores
from unseen.plan.runs import Run
from unseen.plan.specs import as_json

EMBED, CLASSIFY, COMBINE = "embed_videos", "classify_videos", "combine_classes"
"""The stages, by their scripts."""
TOLD = ("snippets", "scheme", "frame_rate", "batch_size")
"""Keys of `testing` that decide what the network sees, and in which arithmetic."""


@dataclass(frozen=True)
class Embedded:
    """A rule that embeds videos: what it makes, and of which runs or pairs.

    Attributes:
        name: The rule's.
        script: Of its stage.
        job: What names one job among those of all such rules, with wildcards.
        outputs: Patterns of the embeddings, with their digests and arithmetic.
        serves: Its wildcards, and the values of each.
    """

    name: str
    script: str
    job: str
    outputs: list[str]
    serves: dict[str, list[str]]


def rules(plan: Plan) -> list[Embedded]:
    """A job for all test sets of a run, so a rule for each different list of test sets, since a
    rule's outputs are the same for all its jobs; one for any other pair of run and data set, such
    as videos without labels, when it is asked for; and one a classifier and data set."""
    classify = Embedded(
        name=CLASSIFY,
        script=CLASSIFY,
        job="{classifier}/{dataset}",
        outputs=[paths.PROBABILITIES, paths.digest(paths.PROBABILITIES)],
        serves={"classifier": list(plan.classifiers), "dataset": plan.listed},
    )
    runs = [run for run in plan.runs.values() if not run.is_motion]
    return [
        *_embedding(plan, [run for run in runs if not run.convex], EMBED),
        *_embedding(plan, [run for run in runs if run.convex], COMBINE),
        classify,
    ]


def _embedding(plan: Plan, runs: list[Run], script: str) -> list[Embedded]:
    names = {run.name for run in runs}
    together = [
        Embedded(
            name=f"{script}_{number}",
            script=script,
            job="{run}/test_sets",
            outputs=[one.replace("{dataset}", name) for one in _OUTPUTS for name in sets],
            serves={"run": [run.name for run in runs if run.tests == sets]},
        )
        for number, sets in enumerate(sorted({run.tests for run in runs if run.tests}))
    ]
    others = Embedded(
        name=script.replace("_", "_other_"),
        script=script,
        job="{pair}",
        outputs=[paths.pair(one) for one in _OUTPUTS],
        serves={"pair": [one for one in other_pairs(plan) if one.partition("/")[0] in names]},
    )
    return [*together, others]


_OUTPUTS = (paths.VIDEO_EMBEDDINGS, paths.digest(paths.VIDEO_EMBEDDINGS), paths.ARITHMETIC)


def other_pairs(plan: Plan) -> list[str]:
    """`run/dataset` where the data set is no test set of the run."""
    return [
        f"{run.name}/{name}"
        for run in plan.runs.values()
        for name in plan.listed
        if name not in run.tests and not run.is_motion
    ]


def inputs(
    plan: Plan, run: Run, dataset: str | None = None, classifier: str | None = None
) -> Inputs:
    """The model and the clips of the run's test sets, or of one data set, and their classes' texts
    where these get a term from each video; of a convex run the probabilities in place of the clips,
    which are made of the clips and, of a run's classifier, its model."""
    sets = [dataset] if dataset else list(run.tests)
    clips = plan.clip_stores(sets, plan.side(run))
    if classifier:
        assert run.convex
        return Inputs((*([model_of(run.convex.classifier)] if run.convex.is_run else ()), *clips))
    if run.convex:
        return Inputs((model_of(run.name), *_probabilities(plan, run, sets).values()))
    return Inputs((model_of(run.name), *clips, *class_texts(run, sets).values()))


def arguments(
    plan: Plan, run: Run, dataset: str | None = None, classifier: str | None = None
) -> list[str]:
    """Arguments of the stage: inputs and outputs by data set, settings, and where the network runs,
    which the result does not depend on."""
    sets = [dataset] if dataset else list(run.tests)
    outputs = named(sets, paths.VIDEO_EMBEDDINGS.replace("{run}", run.name))
    if run.convex and not classifier:
        given = [f"{name}={path}" for name, path in _probabilities(plan, run, sets).items()]
        return ["--model", model_of(run.name), "--test", *outputs, "--probabilities", *given]
    places: dict[str, Any] = vars(run.settings)
    common = [f"--{key}={places[key]}" for key in ("device", "workers", "threads")]
    common += ["--limit", f"{rejected_limit(plan):g}"]
    common += ["--settings", as_json(settings(plan, run, classifier))]
    side = plan.side(run)
    if run.convex and dataset:
        named_one = run.convex.classifier
        source = (
            ["--model", model_of(named_one)] if run.convex.is_run else ["--classifier", named_one]
        )
        output = paths.PROBABILITIES.format(classifier=classifier, dataset=dataset)
        stores = plan.clip_stores([dataset], side)
        return [*source, "--dataset", dataset, "--output", output, "--shards", *stores, *common]
    texts = [f"{name}={path}" for name, path in class_texts(run, sets).items()]
    common += ["--class-texts", *texts] if texts else []
    stores = named_stores(plan, sets, side)
    return ["--model", model_of(run.name), "--test", *outputs, "--shards", *stores, *common]


def settings(plan: Plan, run: Run, classifier: str | None = None) -> dict[str, Any]:
    """All that the result depends on beside its inputs: nothing in a combination."""
    if run.convex and not classifier:
        return {}
    testing = plan.config.testing
    told: dict[str, Any] = {key: getattr(testing, key) for key in TOLD}
    told["dtype"] = run.settings.dtype
    return told | ({"input": dict(run.convex.input)} if run.convex else {})


def gpu(_plan: Plan, run: Run, classifier: str | None = None) -> int:
    """GPUs to ask for: none where no network runs."""
    return 0 if run.settings.device == "cpu" or (run.convex and not classifier) else 1


def _probabilities(plan: Plan, run: Run, sets: list[str]) -> dict[str, str]:
    """What a convex run reads of each test set."""
    name = plan.classifier_of(run)
    return {one: paths.PROBABILITIES.format(classifier=name, dataset=one) for one in sets}
