"""Training: what a run learns from, how it is told, what it asks of the machine."""

from dataclasses import asdict, replace
from typing import Any

from unseen.network.settings import FEATURES, MODEL, TrainingSettings
from unseen.plan import paths, shared_videos
from unseen.plan.clips import rejected_limit
from unseen.plan.plan import Inputs, Plan, class_embeddings, model_of, named, named_stores
from unseen.plan.runs import Run
from unseen.plan.sources import weights_content


def inputs(plan: Plan, run: Run) -> Inputs:
    """Clips and their labels, class embeddings, kept classes and the weights of another run."""
    large = [
        *plan.clip_stores(run.train_on),
        *(paths.LABELS.format(dataset=name) for name in run.train_on),
        *(class_embeddings(run, name) for name in run.seen),
    ]
    if run.weights in plan.runs:
        large.append(model_of(str(run.weights)))
    small = (*plan.kept(run), *shared_videos.pruned(plan, run))
    return Inputs(tuple(large), small=small)


def frozen_inputs(plan: Plan, run: Run) -> Inputs:
    """The same for a run that learns from stored features."""
    given = inputs(plan, run)
    return replace(given, large=(*given.large, paths.FEATURES.format(run=run.name)))


def arguments(plan: Plan, run: Run) -> list[str]:
    """Arguments of train.py and extract_features.py: the inputs by name."""
    arguments = []
    if run.train_on:
        stores = named_stores(plan, run.train_on)
        arguments += ["--shards", *stores, "--labels", *named(run.train_on, paths.LABELS)]
        arguments += ["--limit", f"{rejected_limit(plan):g}"]
    pattern = paths.CLASS_EMBEDDINGS.replace("{embedding}", run.embedding)
    arguments += ["--class-embeddings", *named(run.seen, pattern)]
    for path in plan.kept(run):
        arguments += ["--kept", path]
    for path in shared_videos.pruned(plan, run):
        arguments += ["--without", path]
    if run.weights in plan.runs:
        arguments += ["--weights", model_of(str(run.weights))]
    elif run.weights:
        arguments += ["--weights", run.weights]
    return arguments


def arguments_on_features(plan: Plan, run: Run) -> list[str]:
    """The same with the stored features of a frozen visual encoder."""
    return [*arguments(plan, run), "--features", paths.FEATURES.format(run=run.name)]


# Settings


def settings_read(_plan: Plan, run: Run) -> dict[str, Any]:
    """The settings that a model depends on: what a rerun is decided by."""
    settings = _told(run)
    return settings.decisive if run.train_on else settings.read_by(MODEL)


def feature_settings(_plan: Plan, run: Run) -> dict[str, Any]:
    """The settings that a frozen network's features depend on."""
    settings = _told(run)
    epochs = min(settings.epochs, settings.feature_epochs or settings.epochs)
    return settings.read_by(FEATURES) | {"epochs": epochs}


def all_settings(_plan: Plan, run: Run) -> dict[str, Any]:
    """All settings, as the scripts take them."""
    return asdict(_told(run))


def settings_on_cpu(plan: Plan, run: Run) -> dict[str, Any]:
    """On stored features there is a linear layer to train: it needs no GPU, and asks for none."""
    return all_settings(plan, run) | {"device": "cpu"}


def seed(_plan: Plan, run: Run) -> int:
    """The run's seed."""
    return run.seed


def weights(plan: Plan, run: Run) -> str:
    """The content of a run's initial weights, where they are no other run's."""
    return weights_content(plan, run.weights)


def _told(run: Run) -> TrainingSettings:
    """A run's settings. A subset of its classes is in the kept list already; a share of its clips
    is taken in training."""
    return replace(run.settings, subset=run.subset if "fraction" in run.subset else None)


# The machine


def launcher(_plan: Plan, run: Run) -> list[str]:
    """The arguments that start torchrun, where a run wants several GPUs."""
    if run.settings.gpus <= 1:
        return []
    spread = ["--nodes", str(run.settings.nodes)] if run.settings.nodes > 1 else []
    return ["--processes", str(run.settings.gpus), *spread]


def nodes(_plan: Plan, run: Run) -> int:
    """Machines to ask for."""
    return run.settings.nodes


def gpus(_plan: Plan, run: Run) -> int:
    """GPUs to ask for: none where a run is told to use the CPU, or has nothing to train on."""
    if run.settings.device == "cpu" or not run.train_on:
        return 0
    return max(1, run.settings.gpus)


def one_gpu(_plan: Plan, run: Run) -> int:
    """The same for a stage of one process."""
    return 0 if run.settings.device == "cpu" else 1


def threads(_plan: Plan, run: Run) -> int:
    """CPUs of a process that reads nothing."""
    return run.settings.threads


def cpus_of_one(_plan: Plan, run: Run) -> int:
    """CPUs of a process with a network and of those that read for it."""
    return run.settings.threads + run.settings.workers


def cpus(plan: Plan, run: Run) -> int:
    """The same for training, with a process a GPU, on each of its machines."""
    return cpus_of_one(plan, run) * max(1, run.settings.gpus // run.settings.nodes)
