"""What the rules share: the plan, and how its answers become inputs and params."""

import os
import re
import sys
from inspect import signature
from pathlib import Path
from shlex import quote

from snakemake.cli import get_argument_parser
from snakemake.iocontainers import Wildcards
from snakemake.logging import logger

try:
    REPOSITORY = Path(workflow.current_basedir).resolve().parents[1]
except TypeError:
    sys.exit(
        "error: the stages lie beside the rules: clone the repository and give the module the path of its workflow/Snakefile"
    )
sys.path.insert(0, str(REPOSITORY / "src"))

from unseen.base.errors import UserError
from unseen.plan import (
    classes,
    clips,
    comparisons,
    convex,
    dual,
    embedding,
    figures,
    listing,
    messages,
    motion,
    paths,
    records,
    report_page,
    scoring,
    shared_videos,
    sources,
    tables,
    targets,
    training,
)
from unseen.plan.plan import read_plan
from unseen.plan.settings import FETCHED_VECTORS
from unseen.plan.specs import as_json
from unseen.plan.yaml_file import check_yaml

CONFIG_NAME = ", ".join(map(str, workflow.overwrite_configfiles)) or (
    "--config without a --configfile"
    if workflow.config_settings.overwrite_config
    else "config/config.yaml"
)


def complain(error):
    """Stop before any job, with the message alone."""
    sys.exit(f"error: {error}")


try:
    for path in workflow.overwrite_configfiles or workflow.configfiles:
        if Path(path).is_file():
            check_yaml(Path(path))
    PLAN = read_plan(config, CONFIG_NAME, REPOSITORY)
    sources.check_sources(PLAN)
except UserError as error:
    complain(error)
# The folder of this machine's copies of a default storage's files, such as a bucket's.
COPIES = str(workflow.modifier.path_modifier.apply_default_storage("results"))
COPIES = "" if COPIES == "results" else str(Path(COPIES).parent)
if workflow.is_main_process and not COPIES:
    records.say_what_is_lost(Path("."))


def ask(function, wildcards):
    """What the plan says about a job: it is asked with the job's wildcards by name."""
    known = dict(wildcards.items())
    if "pair" in known:
        known["run"], known["dataset"] = known["pair"].split("/")
    if "run" in known:
        known["run"] = PLAN.runs[known["run"]]
    wanted = signature(function).parameters
    try:
        answer = function(
            PLAN, **{key: value for key, value in known.items() if key in wanted}
        )
    except UserError as error:
        complain(error)
    return as_json(answer) if isinstance(answer, dict) else answer


def asks(function):
    """An input, a resource or a param: a job runs again when the plan's answer is another."""
    return lambda wildcards: ask(function, wildcards)


def told(function):
    """A param that a job is told and that is no reason to run it again.

    Snakemake leaves out of its reasons the params whose functions take `output`.
    """
    return lambda wildcards, output: ask(function, wildcards)


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
        "stored": [ancient(path) for path in inputs.stored if COPIES],
    }


def word_vectors():
    """The word vectors: a user's file counts by name, size and time, and is in no storage."""
    path = PLAN.config.word_vectors
    return path if path == FETCHED_VECTORS else ancient(local(path))


def any_of(names):
    """A pattern for a wildcard that is one of these names (of none: one that never fits)."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def stage(wildcards, output):
    """The command that runs a stage's script. Where it lies is no part of what reruns a job."""
    copies = f" --copies {quote(COPIES)}" if COPIES else ""
    return f"{sys.executable} {PLAN.scripts}/run_stage.py{copies}"


def speak_plainly():
    """Show reasons in the configuration's words, and on a terminal a line a job."""
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            brief = not workflow.output_settings.verbose and handler.stream.isatty()
            handler.setFormatter(
                messages.Formatter(handler.formatter, params_of, brief)
            )


def params_of(rule, wildcards):
    """The params by name that are a reason to run a rule's job again, as they are now."""
    known = Wildcards(fromdict=dict(wildcards))
    return {
        name: value(known) if callable(value) else value
        for name, value in workflow.get_rule(rule).params.items()
        if not (callable(value) and "output" in signature(value).parameters)
    }


def say_where():
    """The closing lines: where the results are."""
    asked = [path for path in asked_targets() if Path(path).exists()]
    all_made = [*tables.all_of(PLAN), *comparisons.all_of(PLAN), paths.REPORT]
    print(*(asked or filter(os.path.exists, all_made)), sep="\n", file=sys.stderr)


def say_what_next():
    """The closing lines of a run that failed or was interrupted."""
    print(
        "What was finished is kept: the same command goes on from there.",
        file=sys.stderr,
    )


def check_targets():
    """Stop before any job for a target that nothing makes, with what it may have meant.

    A workflow that imports this one as a module has targets of its own.
    """
    if Path(workflow.main_snakefile).resolve() not in SNAKEFILES:
        return
    names = [one.name for one in workflow.rules]
    mistakes = [
        targets.explain(PLAN, target, names)
        for target in asked_targets()
        if target not in names
        and not (is_made(target) and targets.is_known(PLAN, target))
    ]
    if mistakes:
        complain("\n       ".join(mistakes))


def asked_targets():
    """The targets on the command line: Snakemake itself hands them out after the rules are read."""
    if Path(sys.argv[0]).name not in ("snakemake", "__main__.py"):
        return []
    asked = get_argument_parser().parse_known_args(sys.argv[1:])[0].targets or []
    return [
        one if os.path.isabs(one) or "://" in one else os.path.relpath(one)
        for one in map(str, asked)
    ]


def is_made(target):
    """Whether a rule makes a file, or it is there and nothing needs to."""
    return Path(target).is_file() or any(
        one.is_producer(target) for one in workflow.rules
    )


SNAKEFILES = REPOSITORY / "Snakefile", REPOSITORY / "workflow" / "Snakefile"
