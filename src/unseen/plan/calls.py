"""A call of Snakemake: its configuration and targets, and what it says meanwhile and at its end."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from unseen.plan import comparisons, paths, tables, targets
from unseen.plan.messages import Formatter
from unseen.plan.plan import Plan, read_plan
from unseen.plan.sources import check_sources
from unseen.plan.specs import as_json
from unseen.plan.yaml_file import check_yaml

AFTER_AN_ERROR = "What was finished is kept: the same command goes on from there."


def read_configuration(workflow: Any, config: Mapping[str, Any], repository: Path) -> Plan:
    """The plan of the call's configuration, once the files that it names are found.

    Raises:
        UserError: For a mistake in the configuration, or a file that is not there.
    """
    files = workflow.overwrite_configfiles or workflow.configfiles
    for path in map(Path, files):
        if path.is_file():
            check_yaml(path)
    alone = workflow.config_settings.overwrite_config and not workflow.overwrite_configfiles
    named = "--config without a --configfile" if alone else "config/config.yaml"
    where = ", ".join(map(str, workflow.overwrite_configfiles)) or named
    plan = read_plan(config, where, repository)
    check_sources(plan)
    return plan


def answer(plan: Plan, function: Callable[..., Any], wildcards: Mapping[str, str]) -> Any:
    """What a function of the plan says about a job: it is called with the job's wildcards by name,
    a run as itself, a mapping comes as JSON.

    Raises:
        UserError: As the function does.
    """
    known: dict[str, Any] = dict(wildcards)
    if "pair" in known:
        known["run"], known["dataset"] = known["pair"].split("/")
    if "classifier" in known:
        known["run"] = plan.classifiers[known["classifier"]]
    elif "run" in known:
        known["run"] = plan.runs[known["run"]]
    if "side" in known:
        known["side"] = known["side"].removeprefix("_") or None
    wanted = signature(function).parameters
    said = function(plan, **{key: value for key, value in known.items() if key in wanted})
    return as_json(said) if isinstance(said, dict) else said


def any_of(names: Iterable[str]) -> str:
    """A pattern for a wildcard that is one of these names (of none: one that never fits)."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def by_option(wildcards: Any, output: Any) -> list[str]:
    """A job's outputs, each by the option of its name."""
    return [
        part for name, path in output.items() for part in (f"--{name.replace('_', '-')}", str(path))
    ]


def asked_targets() -> list[str]:
    """The targets on the command line: Snakemake itself hands them out after the rules are read."""
    from snakemake.cli import get_argument_parser

    if Path(sys.argv[0]).name not in ("snakemake", "__main__.py"):
        return []
    asked = get_argument_parser().parse_known_args(sys.argv[1:])[0].targets or []
    return [
        one if Path(one).is_absolute() or "://" in one else os.path.relpath(one)
        for one in map(str, asked)
    ]


def mistakes(plan: Plan, workflow: Any) -> list[str]:
    """The targets that nothing makes, each with what it may have meant.

    Of a workflow that imports this one as a module, none: it has targets of its own.

    Args:
        workflow: Snakemake's, with its rules read.
    """
    own = plan.repository / "Snakefile", plan.repository / "workflow" / "Snakefile"
    if Path(workflow.main_snakefile).resolve() not in own:
        return []
    rules = {rule.name: rule for rule in workflow.rules}

    def is_made(target: str) -> bool:
        path = str(workflow.modifier.path_modifier.apply_default_storage(target))
        there = Path(path).is_file() or any(one.is_producer(path) for one in rules.values())
        return there and targets.is_known(plan, target)

    return [
        targets.explain(plan, target, rules)
        for target in asked_targets()
        if target not in rules and not is_made(target)
    ]


def speak_plainly(workflow: Any) -> None:
    """Show reasons in the configuration's words, and on a terminal a line a job; under --quiet the
    jobs show no progress either."""
    from snakemake.iocontainers import Wildcards
    from snakemake.logging import logger
    from snakemake.settings.types import Quietness

    def params_of(rule: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
        """The params by name that are a reason to run a rule's job again, as they are now."""
        known = Wildcards(fromdict=dict(wildcards))
        return {
            name: value(known) if callable(value) else value
            for name, value in workflow.get_rule(rule).params.items()
            if not (callable(value) and "output" in signature(value).parameters)
        }

    if {Quietness.ALL, Quietness.PROGRESS} & set(workflow.output_settings.quiet or ()):
        os.environ["TQDM_DISABLE"] = "1"
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            brief = not workflow.output_settings.verbose and handler.stream.isatty()
            handler.setFormatter(Formatter(handler.formatter, params_of, brief))


def made(plan: Plan) -> list[str]:
    """The results to name at the end: the targets, or without one the tables and the report."""
    asked = [path for path in asked_targets() if Path(path).exists()]
    all_made = [*tables.all_of(plan), *comparisons.all_of(plan), paths.REPORT]
    return asked or [path for path in all_made if Path(path).exists()]
