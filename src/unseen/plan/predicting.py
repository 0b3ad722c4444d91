"""Predictions for data sets that are no test sets of a run: what their stage reads and is told."""

from dataclasses import replace

from unseen.plan import scoring
from unseen.plan.classes import Told, files_told, trainings_told
from unseen.plan.plan import Inputs, Plan, class_embeddings, meanings
from unseen.plan.runs import Run
from unseen.plan.specs import as_json


def inputs(plan: Plan, run: Run, dataset: str) -> Inputs:
    """The files of `arguments`."""
    scored = scoring.as_inputs(_files(plan, run, dataset))
    known = files_told([*_trained(plan, run), *trainings_told(plan, run)])
    return replace(scored, small=tuple(dict.fromkeys((*scored.small, *known))))


def arguments(plan: Plan, run: Run, dataset: str) -> list[str]:
    """Arguments of predict_classes.py: the files of a score, and what the run knows already."""
    files = _files(plan, run, dataset).items()
    arguments = [part for name, path in files for part in (f"--{name}", path)]
    for trained in _trained(plan, run):
        arguments += ["--trained", as_json(trained)]
    if run.convex:
        arguments += ["--convex"]
    return [*arguments, "--trainings", as_json(trainings_told(plan, run))]


def _files(plan: Plan, run: Run, dataset: str) -> dict[str, str]:
    files = scoring.files_of(plan, run, dataset)
    del files["sources"]
    return files | {"meanings": meanings(run, dataset)}


def _trained(plan: Plan, run: Run) -> list[Told]:
    """The classes that the run was trained on or combines, as it embeds them; of a dual model's
    nobody has embeddings."""
    if run.dual or not run.seen:
        return []
    embeddings = {name: class_embeddings(run, name) for name in run.seen}
    return [{"weights": run.name, "embeddings": embeddings, "kept": plan.kept(run)[0]}]
