"""What the rules share: the checked configuration, names of files, input functions."""

import json
import os
import re
import sys
from functools import lru_cache
from pathlib import Path

try:
    REPOSITORY = Path(workflow.current_basedir).resolve().parents[1]
except TypeError:
    sys.exit(
        "error: the stages lie beside the rules: clone the repository and give the module the path of its workflow/Snakefile"
    )
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path.insert(0, str(REPOSITORY / "src"))

from unseen.plan import configuration
from unseen import datasets as layouts
from unseen.base.errors import UserError
from unseen.base.files import atomic, file_digest, json_digest
from unseen.base import stage_code
from unseen.plan.records import mend_records

PYTHON = sys.executable
CONFIG_NAME = ", ".join(map(str, workflow.overwrite_configfiles)) or (
    "--config without a --configfile"
    if workflow.config_settings.overwrite_config
    else "config/config.yaml"
)
DEMO = Path("resources/demo")


def code_digest(name):
    """The digest of a stage's code, by the name of its script."""
    return stage_code.code_digest(SCRIPTS / f"{name}.py")


def complain(error):
    """Stop before any job, with the message alone."""
    sys.exit(f"error: {error}")


try:
    config = configuration.complete(
        config, REPOSITORY / "workflow" / "schemas" / "config.schema.yaml", CONFIG_NAME
    )
    RUNS = configuration.expand_runs(config)
except UserError as error:
    complain(error)

DATASETS = config["datasets"]
LISTED = [name for name, dataset in DATASETS.items() if "layout" in dataset]


def check_records():
    """Say which records of earlier jobs are damaged or gone, since they decide what reruns."""
    recorded = any(Path(".snakemake/metadata").glob("*"))
    if any(Path("results").glob("*.csv")) and not recorded:
        print(
            "warning: .snakemake is gone, and with it what the files in results/ were made with: "
            "changes of settings and code since then go unnoticed. `snakemake --forceall` "
            "makes everything anew.",
            file=sys.stderr,
        )
    for output, fault in mend_records(Path(".snakemake")).items():
        print(f"{output} will be made anew: {fault}", file=sys.stderr)


if workflow.is_main_process:
    check_records()


# Configuration, in the pieces that the rules take


def is_rendered(root):
    """Whether a folder is one of the demo's, which a rule renders."""
    return Path(root).parent.parent == DEMO


def media_of(name):
    dataset = DATASETS[name]
    try:
        return layouts.media(dataset["layout"], Path(dataset["root"]), dataset["media"])
    except (UserError, OSError):
        return "videos"


PHOTOGRAPHS = [name for name in LISTED if media_of(name) == "photographs"]
VIDEOS = [name for name in LISTED if name not in PHOTOGRAPHS]


def layout_options(name):
    dataset = DATASETS[name]
    annotations = dataset.get("annotations")
    return layouts.LayoutOptions(
        annotations=Path(annotations) if annotations else None,
        subsets=tuple(dataset["subsets"]) if "subsets" in dataset else None,
        trimmed=dataset["trimmed"],
        media=dataset["media"],
        exclude=tuple(dataset["exclude"]),
    )


def class_list(name):
    """The class list of a data set, or None: the configured one, else the one that comes along."""
    configured = DATASETS.get(name, {}).get("classes")
    if configured:
        return configured
    shipped = REPOSITORY / "config" / "classes" / f"{name}.tsv"
    return str(shipped) if shipped.is_file() else None


def run_of(wildcards):
    """The run of a job, whose wildcard is the run or a pair of run and data set."""
    name = wildcards.run if "run" in wildcards.keys() else wildcards.pair.split("/")[0]
    return RUNS[name]


def dataset_of(wildcards):
    """The data set of a job, likewise."""
    return (
        wildcards.dataset
        if "dataset" in wildcards.keys()
        else wildcards.pair.split("/")[1]
    )


def shards_of(name):
    return [layouts.shard_name(shard) for shard in range(DATASETS[name]["shards"])]


def any_of(names):
    """A pattern for a wildcard that is one of these names (of none: one that never fits)."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def check_sources():
    """Name everything that the configuration points at and that is not there, in one message."""
    missing = []
    for name in LISTED:
        root = DATASETS[name]["root"]
        if not is_rendered(root) and not Path(root).is_dir():
            missing.append(f"datasets.{name}.root: {root}")
        annotations = DATASETS[name].get("annotations")
        if annotations and not is_rendered(root) and not Path(annotations).is_file():
            missing.append(f"datasets.{name}.annotations: {annotations}")
    for name in DATASETS:
        path = class_list(name)
        if path and not Path(path).is_file():
            missing.append(f"datasets.{name}.classes: {path}")
        if not path and name not in LISTED:
            missing.append(
                f"datasets.{name}: no layout and no config/classes/{name}.tsv"
            )
    if (
        config["word_vectors"] != FETCHED_VECTORS
        and not Path(config["word_vectors"]).is_file()
    ):
        missing.append(f"word_vectors: {config['word_vectors']}")
    for name, embedding in config["embeddings"].items():
        if not Path(embedding["encoder"]).is_dir():
            missing.append(f"embeddings.{name}.encoder: {embedding['encoder']}")
    for name, run in config["runs"].items():
        weights = run["weights"]
        if (
            weights
            and configuration.weights_kind(weights, config["runs"]) == "file"
            and not Path(weights).is_file()
        ):
            missing.append(f"runs.{name}.weights: {weights}")
    if missing:
        complain(
            f"{CONFIG_NAME} names files and folders that are not there:\n       "
            + "\n       ".join(missing)
        )


FETCHED_VECTORS = "resources/word_vectors/googlenews.bin"
check_sources()


# Input functions


def settled(paths):
    """Paths, once all listings and kept classes are known (see settle.smk)."""
    checkpoints.settle.get()
    return paths


def with_digests(paths):
    """Large files by their companions' content instead of by their time."""
    return {
        "files": [ancient(path) for path in paths],
        "digests": [f"{p}.sha256" for p in paths],
    }


def counted(name):
    """The rejected clips of a data set: to be counted before its shards are used, no reason to rerun."""
    return ancient(f"results/rejected/{name}.csv")


def contents(paths):
    """The digest of files that lie anywhere: as an input, a small file would rerun jobs when it moves."""
    return json_digest([file_digest(path) for path in paths])


def clip_stores(names):
    return [
        f"results/clips/{name}/{shard}.h5"
        for name in names
        for shard in shards_of(name)
    ]


def named(names, pattern):
    """Arguments `NAME=PATH`, one a data set."""
    return [f"{name}={pattern.format(name)}" for name in names]


def named_stores(names):
    return [f"{name}={path}" for name in names for path in clip_stores([name])]


def as_json(value):
    return json.dumps(value, sort_keys=True)


def stage(wildcards, output):
    """The command that runs a stage's script. Where it lies is no part of what reruns a job."""
    return f"{PYTHON} {SCRIPTS}/run_stage.py"


def in_a_file(name, value):
    """A JSON value as the argument `@FILE`: a command of over 128 kB cannot be started.

    The name holds the content, so that a dry-run with other settings changes nothing for a job that is to start.
    """
    path = Path(".snakemake/unseen_specs") / f"{name}-{json_digest(value)[:12]}.json"
    if not path.is_file():
        with atomic(path) as temporary:
            temporary.write_text(as_json(value))
    return f"@{path}"


def say_where():
    """The closing lines: where the results are."""
    results = sorted(Path("results").glob("table*.csv")) + sorted(
        Path("results").glob("report.html")
    )
    for path in results:
        print(f"{path.stem}: {path}", file=sys.stderr)
