"""Scoring: the pairs of run and test set, and what their scores are made of."""

from dataclasses import replace
from typing import Any

from unseen.plan import paths
from unseen.plan.classes import files_told, trainings_told
from unseen.plan.plan import Inputs, Plan, class_embeddings, meanings
from unseen.plan.runs import Run
from unseen.plan.sources import protocols_content, split_files
from unseen.plan.specs import as_json
from unseen.results.protocol_names import UNSEEN


def test_pairs(plan: Plan) -> list[str]:
    """`run/dataset` of every test set of every run."""
    return [f"{run.name}/{name}" for run in plan.runs.values() for name in run.tests]


def inputs(plan: Plan, run: Run, dataset: str) -> Inputs:
    """The files of `arguments`. The test labels are read here and nowhere before."""
    scored = as_inputs(files_of(plan, run, dataset))
    if not _asks_for_unseen(plan, dataset):
        return scored
    known = (meanings(run, dataset), *files_told(trainings_told(plan, run)))
    return replace(scored, small=tuple(dict.fromkeys((*scored.small, *known))))


def as_inputs(files: dict[str, str]) -> Inputs:
    """Files by their option as what a job reads."""
    large = ("embeddings", "labels", "sources")
    return Inputs(
        large=tuple(path for name, path in files.items() if name in large),
        small=tuple(path for name, path in files.items() if name not in large),
    )


def arguments(plan: Plan, run: Run, dataset: str) -> list[str]:
    """The same as arguments of score_videos.py."""
    files = files_of(plan, run, dataset).items()
    told = [part for name, path in files for part in (f"--{name}", path)]
    section = plan.config.datasets[dataset]
    if section.test_lists:
        told += ["--lists", f"{section.layout}={section.test_lists}"]
    if splits := split_files(plan, dataset):
        told += ["--splits", *(f"{name}={path}" for name, path in splits.items())]
    if _asks_for_unseen(plan, dataset):
        told += ["--trainings", as_json(trainings_told(plan, run))]
        told += ["--meanings", meanings(run, dataset)]
        told += ["--threshold", str(plan.config.overlap.threshold)]
    return told


def protocols(plan: Plan, dataset: str) -> dict[str, Any]:
    """What is evaluated beside the paper's two protocols, and of what content: where its files lie
    is no part of what scores depend on."""
    found: dict[str, Any] = {**protocols_content(plan, dataset)}
    if _asks_for_unseen(plan, dataset):
        found[UNSEEN] = plan.config.overlap.threshold
    return {"protocols": found}


def _asks_for_unseen(plan: Plan, dataset: str) -> bool:
    return UNSEEN in plan.config.datasets[dataset].splits


def seen(_plan: Plan, run: Run, dataset: str) -> list[str]:
    """The argument that has every row say that the data set is not in the run's `unseen`."""
    return [] if dataset in run.unseen else ["--allow-seen"]


def permutation(_plan: Plan, run: Run) -> list[str]:
    """The argument that deals the class embeddings out anew."""
    return ["--permute", str(run.seed)]


def files_of(plan: Plan, run: Run, dataset: str) -> dict[str, str]:
    """What scores are made of, by the option of score_videos.py that names it."""
    return {
        "embeddings": paths.VIDEO_EMBEDDINGS.format(run=run.name, dataset=dataset),
        "class-embeddings": class_embeddings(run, dataset),
        "labels": paths.LABELS.format(dataset=dataset),
        "rejected": paths.of_side(paths.REJECTED, plan.side(run)).format(dataset=dataset),
        "missing": paths.MISSING.format(dataset=dataset),
        "sources": paths.SOURCE_VIDEOS.format(dataset=dataset),
    }
