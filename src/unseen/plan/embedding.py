"""Embedding: which videos a run's model embeds, in one job for all its test sets."""

from dataclasses import dataclass
from typing import Any

from unseen.plan import paths
from unseen.plan.clips import rejected_limit
from unseen.plan.dual import class_texts
from unseen.plan.plan import Inputs, Plan, model_of, named_stores
from unseen.plan.runs import Run


@dataclass(frozen=True)
class Embedded:
    """A rule that embeds videos: what it makes, and of which runs or pairs.

    Attributes:
        name: The rule's.
        job: What names one job among those of all such rules, with wildcards.
        outputs: Patterns of the embeddings, with their digests and arithmetic.
        serves: Its wildcard, and the values of it.
    """

    name: str
    job: str
    outputs: list[str]
    serves: dict[str, list[str]]


def rules(plan: Plan) -> list[Embedded]:
    """A job for all test sets of a run, so a rule for each different list of test sets, since a
    rule's outputs are the same for all its jobs; and one for any other pair of run and data set,
    such as videos without labels, when it is asked for."""
    runs = [run for run in plan.runs.values() if not run.is_motion]
    together = [
        Embedded(
            name=f"embed_videos_{number}",
            job="{run}/test_sets",
            outputs=[one.replace("{dataset}", name) for one in _OUTPUTS for name in sets],
            serves={"run": [run.name for run in runs if run.tests == sets]},
        )
        for number, sets in enumerate(sorted({run.tests for run in runs if run.tests}))
    ]
    others = Embedded(
        name="embed_other_videos",
        job="{pair}",
        outputs=[paths.pair(one) for one in _OUTPUTS],
        serves={"pair": other_pairs(plan)},
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


def inputs(plan: Plan, run: Run, dataset: str | None = None) -> Inputs:
    """The model and the clips of the run's test sets, or of one data set, and their classes' texts
    where these get a term from each video."""
    sets = [dataset] if dataset else list(run.tests)
    side = plan.side(run)
    texts = class_texts(run, sets).values()
    return Inputs((model_of(run.name), *plan.clip_stores(sets, side), *texts))


def test_arguments(plan: Plan, run: Run, dataset: str | None = None) -> list[str]:
    """Arguments of embed_videos.py: the outputs and the clip stores by data set."""
    sets = [dataset] if dataset else list(run.tests)
    side = plan.side(run)
    pattern = paths.VIDEO_EMBEDDINGS.replace("{run}", run.name)
    stores = named_stores(plan, sets, side)
    tests = [f"{name}={pattern.format(dataset=name)}" for name in sets]
    texts = [f"{name}={path}" for name, path in class_texts(run, sets).items()]
    arguments = ["--test", *tests, "--shards", *stores, "--limit", f"{rejected_limit(plan):g}"]
    return [*arguments, *(["--class-texts", *texts] if texts else [])]


def model(_plan: Plan, run: Run) -> str:
    """The run's model."""
    return model_of(run.name)


def dtype(_plan: Plan, run: Run) -> str:
    """The arithmetic that the run asks for."""
    return run.settings.dtype


def frame_rate(plan: Plan) -> list[str]:
    """The argument that gives snippets another frame rate than the model's own."""
    rate = plan.config.testing.frame_rate
    return [] if rate is None else ["--frame-rate", f"{rate:g}"]


def place(_plan: Plan, run: Run) -> list[str]:
    """Where the network runs; the result does not depend on it."""
    settings: dict[str, Any] = vars(run.settings)
    return [f"--{key}={settings[key]}" for key in ("device", "workers", "threads")]
