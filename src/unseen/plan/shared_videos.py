"""Shared videos: the training and test sets behind a run that are searched for the same sources."""

from unseen.plan import paths
from unseen.plan.plan import Inputs, Plan, named, named_stores
from unseen.plan.runs import Run, ancestry


def train_sets(plan: Plan, run: Run) -> list[str]:
    """The sets that a run and the runs behind its weights are trained on."""
    return list(dict.fromkeys(n for one in ancestry(run, plan.runs) for n in one.train_on))


def test_sets(plan: Plan, run: Run) -> list[str]:
    """The test sets of a run and of the runs that start from it."""
    heirs = (one for one in plan.runs.values() if run in ancestry(one, plan.runs))
    return list(dict.fromkeys(name for heir in heirs for name in heir.tests))


def compared(plan: Plan) -> list[str]:
    """The runs with something to compare; those that differ in their seed or subset share it."""
    return [
        name
        for name, run in plan.runs.items()
        if run.name == run.base and train_sets(plan, run) and test_sets(plan, run)
    ]


def pruned(plan: Plan, run: Run) -> list[str]:
    """The list of shared videos whose clips a run leaves out, where that is wanted."""
    wanted = plan.config.overlap.prune_videos and run.base in compared(plan)
    return [paths.OVERLAP_VIDEOS.format(run=run.base)] if wanted and run.train_on else []


# What compare_videos reads and is told


def inputs(plan: Plan, run: Run) -> Inputs:
    """The clip stores of all sets, and what their clips were cut from."""
    sets = _sets(plan, run)
    sources = (paths.SOURCE_VIDEOS.format(dataset=name) for name in sets)
    return Inputs(large=(*plan.clip_stores(sets), *sources))


def arguments(plan: Plan, run: Run) -> list[str]:
    """The same as arguments of compare_videos.py."""
    sets = _sets(plan, run)
    return ["--shards", *named_stores(plan, sets), "--sources", *named(sets, paths.SOURCE_VIDEOS)]


def roles(plan: Plan, run: Run) -> list[str]:
    """Arguments that say which sets are trained on and which tested on."""
    return ["--train", *train_sets(plan, run), "--tests", *test_sets(plan, run)]


def _sets(plan: Plan, run: Run) -> list[str]:
    return list(dict.fromkeys([*train_sets(plan, run), *test_sets(plan, run)]))
