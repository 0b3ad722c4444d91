"""The plan: a checked configuration, its runs, and the place of the code that serves them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from unseen import datasets as layouts
from unseen.base.errors import UserError
from unseen.base.files import file_digest, json_digest
from unseen.base.stage_code import code_digest, module_digests
from unseen.network.published import find_published
from unseen.plan import paths
from unseen.plan.configuration import read_configuration
from unseen.plan.runs import Run, expand_runs
from unseen.plan.settings import Configuration, Dataset


@dataclass(frozen=True)
class Inputs:
    """What a job reads.

    `large` files count by the digest beside them instead of by their time, `small` ones as they
    are. `stored` are files of other inputs' jobs, declared only where jobs share no file system.
    """

    large: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()

    @property
    def along(self) -> list[str]:
        """What a job without a shared file system gets besides: `stored`, and the digests that
        readers of `small` HDF5 files check them by."""
        return [*self.stored, *(paths.digest(path) for path in self.small if path.endswith(".h5"))]


@dataclass(frozen=True, eq=False)
class Plan:
    """What the rules ask. `where` names the configuration's file in messages."""

    config: Configuration
    runs: Mapping[str, Run]
    repository: Path
    where: str

    @property
    def scripts(self) -> Path:
        """The folder of the stages' scripts."""
        return self.repository / "workflow" / "scripts"

    def code(self, script: str) -> str:
        """The digest of a stage's code, by the name of its script."""
        return code_digest(self.scripts / f"{script}.py")

    def modules(self, script: str) -> dict[str, str]:
        """The digest of each module in a stage's code."""
        return module_digests(self.scripts / f"{script}.py")

    # Data sets

    @cached_property
    def listed(self) -> list[str]:
        """The data sets with files, in the order of the configuration."""
        return [name for name, dataset in self.config.datasets.items() if dataset.layout]

    @cached_property
    def photographs(self) -> list[str]:
        """The data sets of photographs."""
        return [name for name in self.listed if self._media(name) == "photographs"]

    @property
    def videos(self) -> list[str]:
        """The data sets of videos."""
        return [name for name in self.listed if name not in self.photographs]

    def _media(self, name: str) -> str:
        dataset = self.config.datasets[name]
        try:
            return layouts.media(str(dataset.layout), root_of(dataset), dataset.media)
        except (UserError, OSError):
            return "videos"

    def shards(self, name: str) -> list[str]:
        """The names of a data set's shards."""
        return [layouts.shard_name(shard) for shard in range(self.config.datasets[name].shards)]

    def clip_stores(self, names: Iterable[str], side: str | None = None) -> list[str]:
        """The shards of some data sets, of the short side that is configured or of another."""
        return [
            paths.of_side(paths.CLIPS, side).format(dataset=name, shard=shard)
            for name in names
            for shard in self.shards(name)
        ]

    # Runs

    def side(self, run: Run) -> str | None:
        """The short side of the clips that a run reads, and how they were made smaller if not
        antialiased, as in `128` or `128-bilinear`; None for what is configured."""
        published = run.convex or run.dual
        if not (published and published.input):
            return None
        side, resampling = published.input["short_side"], published.input["resampling"]
        clips = self.config.clips
        if (side, resampling) == (clips.short_side, clips.resampling):
            return None
        return str(side) if resampling == "antialiased" else f"{side}-{resampling}"

    @property
    def pruned(self) -> list[str]:
        """The runs whose training classes are pruned; those that differ in their seed share it."""
        return [name for name, run in self.runs.items() if run.name == run.base and run.seen]

    @property
    def subsets(self) -> list[str]:
        """The runs that are trained on a subset of their classes."""
        return [name for name, run in self.runs.items() if "classes" in run.subset]

    @property
    def frozen(self) -> list[str]:
        """The runs that train on the features of a frozen visual encoder."""
        return [name for name, run in self.runs.items() if run.is_frozen_training]

    @property
    def trained(self) -> list[str]:
        """The others that train, or make a model of weights as they are."""
        others = {*self.frozen, *self.convex, *self.dual, *self.motion}
        return [name for name in self.runs if name not in others]

    @property
    def convex(self) -> list[str]:
        """The runs that combine the classes of a classifier."""
        return [name for name, run in self.runs.items() if run.convex]

    @cached_property
    def classifiers(self) -> dict[str, Run]:
        """The classifiers behind them by the name of their probabilities, each with a run of it."""
        return {self.classifier_of(run): run for run in self.runs.values() if run.convex}

    def classifier_of(self, run: Run) -> str:
        """The name of a convex run's probabilities: its classifier's, with a digest of what it is
        asked otherwise than that brings along."""
        assert run.convex
        name = run.convex.classifier
        if run.convex.is_run:
            name, own = f"run-{name}", {}
        else:
            name, own = name.replace(":", "-"), find_published(name).input
        changed = {key: run.convex.input[key] for key in own if run.convex.input[key] != own[key]}
        if run.settings.dtype != self.config.training.dtype:
            changed["dtype"] = run.settings.dtype
        return f"{name}-{json_digest(changed)[:8]}" if changed else name

    @property
    def dual(self) -> list[str]:
        """The runs of an image-text or video-text model."""
        return [name for name, run in self.runs.items() if run.dual]

    @property
    def motion(self) -> list[str]:
        """The runs that match training clips by their motion."""
        return [name for name, run in self.runs.items() if run.is_motion]

    def kept(self, run: Run) -> list[str]:
        """The list of a run's kept classes; none for a run that has seen no known class."""
        owner = run.name if run.name in self.subsets else run.base
        return [paths.KEPT.format(run=owner)] if run.seen else []


def read_plan(values: Mapping[str, Any], where: str, repository: Path) -> Plan:
    """The plan of a configuration's values. Raises UserError for mistakes in them."""
    config = read_configuration(values, where)
    return Plan(config, expand_runs(config), repository, where)


def root_of(dataset: Dataset) -> Path:
    """The folder of a data set that has one."""
    return Path(dataset.root or "")


def is_rendered(dataset: Dataset) -> bool:
    """Whether a data set's folder is one of the demo's, which a rule renders."""
    return root_of(dataset).parent.parent == Path(paths.DEMO)


def rendered(plan: Plan, name: str) -> list[str]:
    """The folder of a rendered data set; a user's files are no files of the workflow."""
    section = plan.config.datasets[name]
    return [str(section.root)] if is_rendered(section) else []


def class_embeddings(run: Run, dataset: str) -> str:
    """The class embeddings of a data set, in the way that a run embeds classes."""
    return paths.CLASS_EMBEDDINGS.format(embedding=run.embedding, dataset=dataset)


def meanings(run: Run, dataset: str) -> str:
    """The class embeddings that tell which classes of a data set are near a run's test classes."""
    return paths.CLASS_EMBEDDINGS.format(embedding=run.meaning, dataset=dataset)


def model_of(run: str) -> str:
    """A run's model."""
    return paths.MODEL.format(run=run)


def named(names: Iterable[str], pattern: str) -> list[str]:
    """Arguments `NAME=PATH`, one a data set."""
    return [f"{name}={pattern.format(dataset=name)}" for name in names]


def named_stores(plan: Plan, names: Iterable[str], side: str | None = None) -> list[str]:
    """The same of clip stores: as many a data set as it has shards."""
    return [f"{name}={path}" for name in names for path in plan.clip_stores([name], side)]


def contents(files: Iterable[Path | str]) -> str:
    """The digest of files that lie anywhere: as inputs, small files would rerun jobs when they
    move."""
    return json_digest([file_digest(path) for path in files])
