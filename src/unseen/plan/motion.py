"""The simple opponent: what it reads of training and test clips."""

from dataclasses import replace

from unseen.plan import training
from unseen.plan.plan import Inputs, Plan
from unseen.plan.runs import Run


def pairs(plan: Plan) -> list[str]:
    """`run/dataset` of every test set of the runs that match motion."""
    return [f"{name}/{dataset}" for name in plan.motion for dataset in plan.runs[name].tests]


def inputs(plan: Plan, run: Run, dataset: str) -> Inputs:
    """What training reads, and the clips of the test set."""
    found = training.inputs(plan, run)
    return replace(found, large=(*found.large, *plan.clip_stores([dataset])))


def arguments(plan: Plan, run: Run, dataset: str) -> list[str]:
    """Arguments of match_motion.py: the inputs by name."""
    return [*training.arguments(plan, run), "--test", *plan.clip_stores([dataset])]
