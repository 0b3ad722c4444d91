"""Convex combinations: what a run's model is made of."""

from typing import Any

from unseen.plan import paths
from unseen.plan.plan import Inputs, Plan, class_embeddings, model_of, named
from unseen.plan.runs import Run


def inputs(plan: Plan, run: Run) -> Inputs:
    """The embeddings of the classifier's classes, those that are kept, and a run's classifier."""
    assert run.convex
    embeddings = [class_embeddings(run, name) for name in run.seen]
    own = [model_of(run.convex.classifier)] if run.convex.is_run else []
    return Inputs(large=(*embeddings, *own), small=tuple(plan.kept(run)))


def settings(_plan: Plan, run: Run) -> dict[str, Any]:
    """All that the model depends on beside its inputs."""
    assert run.convex
    return {**vars(run.convex), "input": dict(run.convex.input)}


def arguments(plan: Plan, run: Run) -> list[str]:
    """Arguments of make_convex.py: the inputs by name."""
    assert run.convex
    pattern = paths.CLASS_EMBEDDINGS.replace("{embedding}", run.embedding)
    [kept] = plan.kept(run)
    own = ["--model", model_of(run.convex.classifier)] if run.convex.is_run else []
    return ["--class-embeddings", *named(run.seen, pattern), "--kept", kept, *own]
