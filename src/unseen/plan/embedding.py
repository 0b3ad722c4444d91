"""Embedding: which videos a run's model embeds, in one job for all its test sets."""

from collections.abc import Sequence
from typing import Any

from unseen.plan import paths
from unseen.plan.clips import rejected_limit
from unseen.plan.dual import class_texts
from unseen.plan.plan import Inputs, Plan, model_of, named_stores
from unseen.plan.runs import Run


def groups_of_test_sets(plan: Plan) -> list[tuple[str, ...]]:
    """The different lists of test sets: runs with the same one share a rule, since a rule's
    outputs are the same for all its jobs."""
    return sorted({run.tests for run in plan.runs.values() if run.tests and not run.is_motion})


def runs_with(plan: Plan, sets: Sequence[str]) -> list[str]:
    """The runs that are tested on these sets."""
    return [
        name for name, run in plan.runs.items() if run.tests == tuple(sets) and not run.is_motion
    ]


def other_pairs(plan: Plan) -> list[str]:
    """`run/dataset` where the data set, such as videos without labels, is no test set of the run:
    embedded when it is asked for."""
    return [
        f"{run.name}/{name}"
        for run in plan.runs.values()
        for name in plan.listed
        if name not in run.tests and not run.is_motion
    ]


def outputs(sets: Sequence[str]) -> list[str]:
    """Patterns of the embeddings of some test sets, with their digests and arithmetic."""
    patterns = (paths.VIDEO_EMBEDDINGS, paths.digest(paths.VIDEO_EMBEDDINGS), paths.ARITHMETIC)
    return [pattern.replace("{dataset}", name) for pattern in patterns for name in sets]


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
