"""The parts of a result's version: code, settings and sources of all stages behind its scores."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from unseen.base.settings import fields_of, keys_read
from unseen.network.settings import TRAINING, TrainingKeys
from unseen.plan import clips, paths, scoring
from unseen.plan.plan import Plan
from unseen.plan.runs import Run, ancestry
from unseen.plan.settings import WORD2VEC
from unseen.plan.sources import encoder_digest, weights_content
from unseen.plan.specs import in_a_file

PERMUTED = "-permuted"

Stages = dict[str, dict[str, Any]]
"""Code and settings by the name of the stage."""


@dataclass(frozen=True)
class Behind:
    """The runs and test sets of some scores, and what lies behind them all the way down: `runs` and
    data `sets`."""

    pairs: tuple[tuple[str, str], ...]
    runs: tuple[Run, ...]
    clips: tuple[tuple[str, str | None], ...]
    """The data sets, each with the short side of the clips that a run reads (see `Plan.side`)."""

    @property
    def sets(self) -> tuple[str, ...]:
        """The data sets."""
        return tuple(dict.fromkeys(name for name, _ in self.clips))

    @property
    def tests(self) -> tuple[str, ...]:
        """The test sets."""
        return tuple(dict.fromkeys(name for _, name in self.pairs))

    @property
    def uses_word_vectors(self) -> bool:
        """Whether any run embeds classes by word vectors."""
        return any(run.meaning == WORD2VEC for run in self.runs)


def behind(plan: Plan, pairs: Iterable[str]) -> Behind:
    """What lies behind the scores `run/dataset`."""
    scored: dict[tuple[str, str], None] = {}
    runs: dict[str, Run] = {}
    clips: dict[tuple[str, str | None], None] = {}
    for pair in pairs:
        name, dataset = pair.split("/")
        name = name.removesuffix(PERMUTED)
        scored[name, dataset] = None
        line = ancestry(plan.runs[name], plan.runs)
        clips[dataset, plan.side(line[0])] = None
        for run in line:
            runs[run.name] = run
            clips |= dict.fromkeys((name, plan.side(run)) for name in run.train_on)
    listed = tuple((name, side) for name, side in clips if name in plan.listed)
    return Behind(tuple(scored), tuple(runs.values()), listed)


def source_files(plan: Plan, pairs: Iterable[str]) -> list[str]:
    """The files whose contents are the sources of a version."""
    return list(_sources(behind(plan, pairs)).values())


def arguments(plan: Plan, result: str, pairs: Iterable[str], last: Stages) -> list[str]:
    """Arguments that name a result's parts; `last` is what draws it up, and of what."""
    found = behind(plan, pairs)
    stages = in_a_file(f"{result}_stages", _stages(plan, found) | last)
    sources = [f"{name}={path}" for name, path in _sources(found).items()]
    return ["--stages", stages, "--sources", *sources]


def stage(plan: Plan, script: str, **settings: Any) -> dict[str, Any]:
    """A stage's part of a version."""
    return {"code": plan.modules(script), "settings": settings}


def _sources(found: Behind) -> dict[str, str]:
    files = {
        f"{name} at {side}" if side else name: paths.of_side(paths.SOURCES, side).format(
            dataset=name
        )
        for name, side in found.clips
    }
    files |= {f"words of {name}": paths.CLASS_LIST.format(dataset=name) for name in found.sets}
    files |= {
        f"arithmetic of {run} on {dataset}": paths.ARITHMETIC.format(run=run, dataset=dataset)
        for run, dataset in found.pairs
    }
    if found.uses_word_vectors:
        files["word vectors"] = paths.digest(paths.WORD_VECTORS)
    return files


def _stages(plan: Plan, found: Behind) -> Stages:
    """Code and settings of the stages behind some runs' scores."""
    config = plan.config
    training = config.training.model_dump()
    read = keys_read(fields_of(TrainingKeys), TRAINING, otherwise=TRAINING)
    stages = {
        "list_clips": stage(plan, "list_clips"),
        "name_words": stage(plan, "name_words"),
        "embed_classes": stage(
            plan,
            "embed_classes",
            raw_words=config.raw_words,
            missing_words=config.missing_words,
        ),
        "prune_classes": stage(plan, "prune_classes", overlap=config.overlap.model_dump()),
        "trace_pretraining": stage(plan, "trace_pretraining"),
        "decode_clips": stage(plan, "decode_clips", clips=clips.decisive(plan)),
        "embed_videos": stage(plan, "embed_videos", testing=config.testing.model_dump()),
        "score_videos": stage(
            plan,
            "score_videos",
            **{
                name: told
                for name in found.tests
                if (told := scoring.protocols(plan, name)["protocols"])
            },
        ),
    }
    if any(run.is_motion for run in found.runs):
        stages["match_motion"] = stage(plan, "match_motion")
    if any(not (run.convex or run.dual or run.is_motion) for run in found.runs):
        stages["train"] = stage(plan, "train", **{key: training[key] for key in read})
    if any(run.convex for run in found.runs):
        for script in ("make_convex", "classify_videos", "combine_classes"):
            stages[script] = stage(plan, script)
    if any(run.dual for run in found.runs):
        stages["make_dual"] = stage(plan, "make_dual")
        stages["encode_prompts"] = stage(plan, "encode_prompts")
    if any(name in plan.photographs for name in found.sets):
        stages["synthesize_clips"] = stage(
            plan, "synthesize_clips", **config.photographs.model_dump()
        )
    if any(run.name in plan.frozen for run in found.runs):
        stages["extract_features"] = stage(plan, "extract_features")
    if any(run.name in plan.subsets for run in found.runs):
        stages["select_classes"] = stage(plan, "select_classes")
    own = {f"run {run.name}": {"code": {}, "settings": _apart(plan, run)} for run in found.runs}
    return stages | own


def _apart(plan: Plan, run: Run) -> dict[str, Any]:
    """What sets a run apart: its settings where they differ from `training`, without places."""
    told: dict[str, Any] = {
        "unseen": run.prune_against,
        "embedding": f"{run.embedding} {encoder_digest(plan, run.embedding)}".strip(),
    }
    if run.convex:
        return told | asdict(run.convex)
    if run.dual:
        own = {"folder": run.dual.digest, "prompts": run.dual.prompts, "input": run.dual.input}
        return told | own | {"trained_on": run.trained_on}
    if run.is_motion:
        return told | {"train_on": run.train_on}
    common = plan.config.training.model_dump()
    settings = asdict(run.settings)
    own = {
        key: settings[key]
        for key in run.settings.read_by(TRAINING)
        if common.get(key) != settings[key]
    }
    return {
        **own,
        **told,
        "train_on": run.train_on,
        "trained_on": run.trained_on,
        "weights": run.weights if run.weights in plan.runs else weights_content(plan, run.weights),
    }
