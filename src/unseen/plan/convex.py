"""Convex combinations: what the model of a published classifier is made of."""

from typing import Any

from unseen.plan import paths
from unseen.plan.plan import Inputs, Plan, class_embeddings, named
from unseen.plan.runs import Run


def inputs(plan: Plan, run: Run) -> Inputs:
    """The embeddings of the classifier's classes, and those that are kept."""
    return Inputs(
        large=tuple(class_embeddings(run, name) for name in run.seen), small=tuple(plan.kept(run))
    )


def settings(_plan: Plan, run: Run) -> dict[str, Any]:
    """All that the model depends on beside its inputs."""
    assert run.convex
    return {**vars(run.convex), "input": dict(run.convex.input)}


def arguments(plan: Plan, run: Run) -> list[str]:
    """Arguments of make_convex.py: the inputs by name."""
    pattern = paths.CLASS_EMBEDDINGS.replace("{embedding}", run.embedding)
    [kept] = plan.kept(run)
    return ["--class-embeddings", *named(run.seen, pattern), "--kept", kept]
