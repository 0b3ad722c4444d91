"""What the rules share: the plan, and how its answers become inputs and params."""

import sys
from pathlib import Path
from shlex import quote

try:
    REPOSITORY = Path(workflow.current_basedir).resolve().parents[1]
except TypeError:
    sys.exit(
        "error: the stages lie beside the rules: clone the repository and give the module the path of its workflow/Snakefile"
    )
sys.path.insert(0, str(REPOSITORY / "src"))

from unseen.base.errors import UserError
from unseen.base.names import say
from unseen.plan import (
    bucket,
    calls,
    classes,
    clips,
    comparisons,
    convex,
    dual,
    embedding,
    figures,
    listing,
    motion,
    paths,
    predicting,
    report_page,
    scoring,
    shared_videos,
    sources,
    tables,
    training,
)
from unseen.plan.calls import any_of, by_option
from unseen.plan.settings import FETCHED_VECTORS
from unseen.plan.specs import shortened


def complain(error):
    """Stop before any job, with the message alone."""
    say(f"error: {error}", sys.stderr)
    sys.exit(1)


try:
    PLAN = calls.read_configuration(workflow, config, REPOSITORY)
    bucket.take_up_records(workflow)
except UserError as error:
    complain(error)
# The folder of this machine's copies of a default storage's files, such as a bucket's.
COPIES = str(workflow.modifier.path_modifier.apply_default_storage("results"))
COPIES = "" if COPIES == "results" else str(Path(COPIES).parent)


def ask(function, wildcards):
    """What the plan says about a job."""
    try:
        return calls.answer(PLAN, function, dict(wildcards.items()))
    except UserError as error:
        complain(error)


def asks(function):
    """An input, a resource or a param: a job runs again when the plan's answer is another."""
    return lambda wildcards: ask(function, wildcards)


def told(function):
    """A param that a job is told and that is no reason to run it again.

    Snakemake leaves out of its reasons the params whose functions take `output`.
    """
    return lambda wildcards, output: shortened(ask(function, wildcards))


def needs(function):
    """The input function of a stage before the cut-off."""
    return lambda wildcards: as_inputs(ask(function, wildcards))


def settled(function):
    """The input function of a stage behind the cut-off, once all listings and kept classes are
    known (see settle.smk)."""

    def inputs(wildcards):
        checkpoints.settle.get()
        return as_inputs(ask(function, wildcards))

    return inputs


def as_inputs(inputs):
    """Large files by their companions' content instead of by their time.

    An input that is `ancient` alone, without a companion of the same job, would hide a job's own
    reasons: Snakemake does not look for them once a job that it depends on reruns, and then leaves
    it out since nothing that counts was updated.
    """
    return {
        "large": [ancient(path) for path in inputs.large],
        "digests": [paths.digest(path) for path in inputs.large],
        "small": list(inputs.small),
        "stored": [ancient(path) for path in inputs.along if COPIES],
    }


def word_vectors():
    """The word vectors: a user's file counts by name, size and time, and is in no storage."""
    path = PLAN.config.word_vectors
    return path if path == FETCHED_VECTORS else ancient(local(path))


def stage(wildcards, output):
    """The command that runs a stage's script. Where it lies is no part of what reruns a job."""
    copies = f" --copies {quote(COPIES)}" if COPIES else ""
    return f"{sys.executable} {PLAN.scripts}/run_stage.py{copies}"
