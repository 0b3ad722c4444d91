"""Dual models: what a run's model and its classes' texts are made of."""

from typing import Any

from unseen.plan import paths
from unseen.plan.plan import Plan
from unseen.plan.runs import Dual, Run


def embeddings(plan: Plan) -> dict[str, Dual]:
    """The class embeddings by dual models' own text encoders, by name."""
    return {run.embedding: run.dual for run in plan.runs.values() if run.dual}


def folder(_plan: Plan, run: Run) -> str:
    """The folder of a run's model."""
    return _of(run).folder


def folder_content(_plan: Plan, run: Run) -> str:
    """Its content: where it lies is no part of what a model depends on."""
    return _of(run).digest


def input_settings(_plan: Plan, run: Run) -> dict[str, Any]:
    """What replaces parts of the folder's own input."""
    return dict(_of(run).changed)


def texts_folder(plan: Plan, embedding: str) -> str:
    """The folder of the text encoder behind some class embeddings."""
    return embeddings(plan)[embedding].folder


def texts_content(plan: Plan, embedding: str) -> str:
    """Its content."""
    return embeddings(plan)[embedding].digest


def prompts(plan: Plan, embedding: str) -> list[str]:
    """The templates of the classes' texts."""
    return list(embeddings(plan)[embedding].prompts)


def class_texts(run: Run, sets: list[str]) -> dict[str, str]:
    """The classes' texts by test set, where they get a term from each video; else none."""
    if not (run.dual and run.dual.of_videos):
        return {}
    pattern = paths.CLASS_EMBEDDINGS.replace("{embedding}", run.embedding)
    return {name: pattern.format(dataset=name) for name in sets}


def _of(run: Run) -> Dual:
    assert run.dual
    return run.dual
