"""Scoring: the pairs of run and test set, and what their scores are made of."""

from unseen.plan import paths
from unseen.plan.plan import Inputs, Plan, class_embeddings
from unseen.plan.runs import Run


def test_pairs(plan: Plan) -> list[str]:
    """`run/dataset` of every test set of every run."""
    return [f"{run.name}/{name}" for run in plan.runs.values() for name in run.tests]


def inputs(plan: Plan, run: Run, dataset: str) -> Inputs:
    """The files of `arguments`. The test labels are read here and nowhere before."""
    return as_inputs(files_of(plan, run, dataset))


def as_inputs(files: dict[str, str]) -> Inputs:
    """Files by their option as what a job reads."""
    large = ("embeddings", "labels", "sources")
    return Inputs(
        large=tuple(path for name, path in files.items() if name in large),
        small=tuple(path for name, path in files.items() if name not in large),
    )


def arguments(plan: Plan, run: Run, dataset: str) -> list[str]:
    """The same as arguments of score_videos.py."""
    return [
        part for name, path in files_of(plan, run, dataset).items() for part in (f"--{name}", path)
    ]


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
