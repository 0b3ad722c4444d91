"""Training: f_v and f_s together (or f_s alone) by Eq. 2, safe to kill, on one device or many.

All randomness hangs on (seed, step): a run that was stopped and resumed ends with the same weights
as one that was not.
"""

import math
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

import unseen
from unseen.base.devices import arithmetic, pick_dtype
from unseen.base.errors import UserError
from unseen.base.files import file_digest, json_digest
from unseen.base.progress import progress_bar
from unseen.base.stage_code import code_digest
from unseen.base.tabular import write_rows
from unseen.network.checkpoints import Checkpoint, Progress
from unseen.network.feature_file import FeatureBatch, FeatureLoader
from unseen.network.initial_weights import start_network
from unseen.network.labelled_clips import (
    TrainingSet,
    TrainingSources,
    open_store,
    select_training_set,
    stored_clips,
    stored_short_side,
)
from unseen.network.learning_rate import learning_rate
from unseen.network.model_file import ModelDescription, Training, write_model
from unseen.network.objective import Objective
from unseen.network.processes import Group, process_group
from unseen.network.settings import TrainingSettings
from unseen.network.signals import STOPPED, deaf_children, stop_signals
from unseen.network.training_snippets import input_maker, stream_epoch, training_loader
from unseen.network.zero_shot_network import ZeroShotNetwork
from unseen.videos.loading import MEAN, STD, SnippetBatch, TrainingLoader

Batch = SnippetBatch | FeatureBatch
Loader = TrainingLoader | FeatureLoader

CHECK_EVERY = {"cpu": 1, "cuda": 10}
"""Steps between looks at the losses and at signals: on a GPU each look waits for it."""
LOG_COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "learning_rate",
    "clips",
    "snippets",
    "seconds",
    "snippets_per_s",
    "waiting",
    "memory_gb",
)


def train(
    sources: TrainingSources,
    settings: TrainingSettings,
    *,
    weights: str | None,
    features: Path | None,
    output: Path,
    log: Path,
    digest: str = "",
    must_resume: bool = False,
) -> None:
    """Train a network and write `output` (with its digest beside it), `log` and TensorBoard events.

    `weights` is where to start from: None, a file or torchvision's name. `features` holds the
    frozen network's features of the snippets, in place of the shards. A run without either has
    nothing to train on: it makes the model of `weights`. `digest` names the code and settings of
    whoever calls; a checkpoint of another digest stays until a model is there, or is refused with
    `must_resume`. Of a finished run it holds the weights alone: a model that got lost is there
    again in a moment.

    Raises UserError for mistakes in the settings and data, and for a loss that is not finite.
    Leaves the process with exit code `STOPPED` on SIGTERM, SIGUSR1 and Control-C, after writing a
    checkpoint.
    """
    torch.set_num_threads(settings.threads)
    with process_group(settings.device) as group, stop_signals() as told_to_stop:
        dtype = pick_dtype(settings.dtype, group.device)
        data, loader = _open_inputs(sources, settings, features, group)
        if loader is None and weights is None:
            raise UserError("there is nothing to train on, and no weights to make a model of")
        is_classifier = settings.loss == "classification"
        network, lineage = start_network(
            settings.network_settings,
            embedding_dim=None if is_classifier else data.embedding_dim,
            classes=len(data.classes) if is_classifier and loader else None,
            weights=weights,
            seed=settings.seed,
            replace_head=settings.replace_head,
        )
        outdated: list[Path] = []
        if loader is None:
            write_log(log, [])
        else:
            decisive = {
                "given": digest,
                "code": code_digest(Path(__file__)),
                "settings": settings.decisive,
                "weights": weights,
                "processes": group.size,
                "device": group.device.type,
                "dtype": str(dtype),
                "inputs": _input_digests(sources, weights, features),
            }
            folder = output.parent
            if settings.checkpoint_folder:
                folder = Path(settings.checkpoint_folder, folder.name)
            checkpoint = Checkpoint(folder, json_digest(decisive))
            run = _prepare(network, data, settings, loader, group, dtype, checkpoint, log)
            with closing(loader):
                _train(run, told_to_stop, must_resume, settings.checkpoint_minutes * 60)
            outdated = checkpoint.others
        if group.first:
            short_side = (
                loader.short_side
                if isinstance(loader, FeatureLoader)
                else stored_short_side(sources.shards)
            )
            description = _description(data, sources, settings, lineage, short_side)
            description["arithmetic"] = arithmetic(group.device, dtype)
            if isinstance(loader, FeatureLoader):
                description["features"] = loader.arithmetic
            write_model(output, network, torch.from_numpy(data.class_embeddings), description)
            for path in outdated:
                path.unlink()


def _open_inputs(
    sources: TrainingSources, settings: TrainingSettings, features: Path | None, group: Group
) -> tuple[TrainingSet, Loader | None]:
    """What to train on and the loader of its batches, None for a run that has no clips."""
    if settings.batch_size % group.size:
        raise UserError(
            f"batch_size {settings.batch_size} cannot be shared by {group.size} processes"
        )
    select = partial(
        select_training_set, sources=sources, subset=settings.subset, seed=settings.seed
    )
    if features is not None:
        stored = FeatureLoader(features, settings.batch_size // group.size, group.rank, group.size)
        return select(stored.names), stored
    data = select(stored_clips(sources.shards))
    if not data.names:
        return data, None
    store = open_store(sources.shards)
    return data, training_loader(store, data.clips, settings, group.rank, group.size)


def _input_digests(
    sources: TrainingSources, weights: str | None, features: Path | None
) -> list[str]:
    """The contents of all files that a run reads."""
    files = [*sources.labels.values(), *sources.class_embeddings.values()]
    files += [path for path in (sources.kept, sources.without, features) if path]
    files += [path for paths in sources.shards.values() for path in paths]
    files += [Path(weights)] if weights and Path(weights).is_file() else []
    return [_content_digest(path) for path in files]


def _content_digest(path: Path) -> str:
    """A file's digest, from the companion beside it where there is one."""
    companion = Path(f"{path}.sha256")
    return companion.read_text().strip() if companion.is_file() else file_digest(path)


@dataclass(frozen=True)
class _Run:
    """What the steps use, and what stays the same from one to the next."""

    objective: Objective
    model: nn.Module
    """The objective as all processes train it."""
    optimiser: torch.optim.Optimizer
    rate: Callable[[float], float]
    data: TrainingSet
    loader: Loader
    stream: Callable[[int], int]
    """Which epoch of the loader comes in an epoch."""
    make_input: Callable[[Batch, int], Tensor]
    group: Group
    epochs: int
    seed: int
    checkpoint: Checkpoint
    log: Path


def _prepare(
    network: ZeroShotNetwork,
    data: TrainingSet,
    settings: TrainingSettings,
    loader: Loader,
    group: Group,
    dtype: torch.dtype,
    checkpoint: Checkpoint,
    log: Path,
) -> _Run:
    """Put the network on the device, in its layout, with an optimiser."""
    objective = Objective(
        network,
        torch.from_numpy(data.class_embeddings),
        loss=settings.loss,
        freeze=settings.freeze,
        temperature=settings.temperature,
        uniformity=settings.uniformity,
        mixing=settings.mixing,
        dtype=dtype,
    )
    objective.to(group.device).to(memory_format=torch.channels_last_3d)
    if settings.sync_batch_norm and group.size > 1:
        if group.device.type == "cpu":
            raise UserError("sync_batch_norm needs GPUs; set it to false for training on the CPU")
        nn.SyncBatchNorm.convert_sync_batchnorm(objective)  # type: ignore[no-untyped-call]
    if settings.compile:
        network.visual_encoder.compile()
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    snippet_input = input_maker(settings, group.device, dtype)

    def make_input(batch: Batch, epoch: int) -> Tensor:
        if isinstance(batch, FeatureBatch):
            return batch.features.to(group.device, non_blocking=True)
        return snippet_input(batch, epoch)

    if group.first:
        print(f"training on {data}; {group.size} x {group.device.type}, {dtype}", flush=True)
    return _Run(
        objective=objective,
        model=group.share(objective),
        optimiser=make_optimiser(trained, settings.optimiser, settings.weight_decay),
        rate=partial(learning_rate, settings),
        data=data,
        loader=loader,
        stream=partial(stream_epoch, settings=settings),
        make_input=make_input,
        group=group,
        epochs=settings.epochs,
        seed=settings.seed,
        checkpoint=checkpoint,
        log=log,
    )


def make_optimiser(
    parameters: list[nn.Parameter], name: str, weight_decay: float
) -> torch.optim.Optimizer:
    """Adam as in the paper, or SGD with Nesterov's momentum; the rate is set at every step."""
    if name == "sgd":
        return torch.optim.SGD(
            parameters, 0.0, momentum=0.9, nesterov=True, weight_decay=weight_decay, fused=True
        )
    return torch.optim.Adam(parameters, 0.0, weight_decay=weight_decay, fused=True)


def _train(run: _Run, told_to_stop: list[int], must_resume: bool, save_every_s: float) -> None:
    """All epochs from the checkpoint on, or from the start."""
    group, folder = run.group, run.checkpoint.folder
    progress = _resume(run, must_resume)
    run.model.train()
    if group.first:
        write_log(run.log, progress.rows)
    size = run.loader.clips_per_epoch

    def bar() -> "tqdm[NoReturn]":
        done = progress.epoch * size + progress.snippets
        return progress_bar(total=run.epochs * size, initial=done, desc=folder.name, unit="snippet")

    with (
        group.only_first(lambda: SummaryWriter(str(folder))) as events,
        group.only_first(bar) as shown,
    ):
        clock = _Clock(save_every_s)
        while progress.epoch < run.epochs:
            train_one_epoch(run, progress, shown, clock, told_to_stop)
            _log_epoch(run, progress, events)
            if progress.epoch == run.epochs and group.first:
                run.checkpoint.save(progress, run.objective, None)


def _resume(run: _Run, required: bool) -> Progress:
    """Take up this digest's checkpoint if there is one, and say so."""
    progress = run.checkpoint.load(run.objective, run.optimiser, required=required)
    others = ", ".join(map(str, run.checkpoint.others))
    if not run.group.first:
        return progress
    if run.checkpoint.path.is_file():
        finished = progress.epoch == run.epochs
        place = f"epoch {progress.epoch + 1}, step {progress.step + 1}"
        print(f"going on from {'the end' if finished else place}", flush=True)
    elif others:
        print(f"starting afresh: of other code, settings or inputs are {others}", flush=True)
    return progress


class _Clock:
    """Says when the next checkpoint is due, and how long it is since the last question."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.asked = self.saved = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last lap."""
        before, self.asked = self.asked, time.monotonic()
        return self.asked - before

    def due(self) -> bool:
        """Whether the interval is over; if so the next one begins."""
        over = time.monotonic() - self.saved >= self.interval_s
        if over:
            self.saved = time.monotonic()
        return over


Step = tuple[Tensor, Tensor, npt.NDArray[np.int64]]
"""The loss () of a step, the number () of clips classified rightly, the clips (B,)."""


def train_one_epoch(
    run: _Run,
    progress: Progress,
    bar: "tqdm[NoReturn] | None",
    clock: _Clock,
    told_to_stop: list[int],
) -> None:
    """The steps of an epoch that are still to do; `progress` and `bar` count along.

    Losses and signals are looked at every few steps, and only then is a checkpoint written.
    """
    stream = run.stream(progress.epoch)
    with deaf_children():
        batches = run.loader.epoch(stream, progress.step)
    steps: list[Step] = []
    clock.lap()
    while (batch := _next(batches, progress)) is not None:
        loss, right = train_step(run, batch, progress, stream)
        steps.append((loss, right, batch.clips))
        progress.step += 1
        if progress.step % CHECK_EVERY[run.group.device.type] and progress.step < run.loader.steps:
            continue
        before = progress.snippets
        stop = _look(run, progress, steps, bool(told_to_stop))
        steps.clear()
        progress.seconds += clock.lap()
        if bar is not None:
            bar.update(progress.snippets - before)
        if run.group.first and (stop or clock.due()):
            run.checkpoint.save(progress, run.objective, run.optimiser)
        if stop:
            others = ", ".join(map(str, run.checkpoint.others))
            back = f"; with their settings the model is back from {others}" if others else ""
            print(f"stopped at {run.checkpoint.path}; start again to go on{back}", flush=True)
            raise SystemExit(STOPPED)


def _next(batches: Iterator[Batch], progress: Progress) -> Batch | None:
    """The next batch, None at the end; `progress` counts the seconds spent waiting for it."""
    began = time.monotonic()
    batch = next(batches, None)
    progress.waiting += time.monotonic() - began
    return batch


def train_step(run: _Run, batch: Batch, progress: Progress, stream: int) -> tuple[Tensor, Tensor]:
    """One step of the optimiser: the loss () before it and the number () of clips classified
    rightly.

    Dropout is drawn from the seed, the step and the process's rank.
    """
    step = progress.epoch * run.loader.steps + progress.step
    seed = np.random.SeedSequence([run.seed, step, run.group.rank])
    torch.manual_seed(int(seed.generate_state(1)[0]))
    for group in run.optimiser.param_groups:
        group["lr"] = run.rate(progress.epoch + (progress.step + 0.5) / run.loader.steps)
    inputs = run.make_input(batch, stream)
    labels = torch.from_numpy(run.data.labels[batch.clips])
    loss, right = run.model(inputs, labels.to(run.group.device, non_blocking=True))
    if run.objective.is_sum:
        # Gradients are averaged over the processes; a sum over the batch is their sum.
        loss = loss * run.group.size
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    run.optimiser.step()
    return loss.detach(), right


def _look(run: _Run, progress: Progress, steps: list[Step], stop: bool) -> bool:
    """Add the last steps of all processes to the sums; whether any process has been told to stop.

    Raises UserError that names the clips of a step whose loss is not finite.
    """
    values = torch.stack([loss.double() for loss, _, _ in steps])
    snippets = torch.tensor([len(clips) for _, _, clips in steps], device=values.device)
    right = torch.stack([right for _, right, _ in steps]).sum()
    sums: list[float] = run.group.total(
        torch.stack([(values * snippets).sum(), right, snippets.sum(), values.new_tensor(stop)])
    ).tolist()
    if not math.isfinite(sums[0]):
        _refuse_loss(run.data, progress, steps, values)
    progress.loss += sums[0]
    progress.right += sums[1]
    progress.snippets += int(sums[2])
    return sums[3] > 0


def _refuse_loss(
    data: TrainingSet, progress: Progress, steps: list[Step], values: Tensor
) -> NoReturn:
    broken = (~values.isfinite()).nonzero().flatten().tolist()
    clips = steps[broken[0]][2] if broken else []
    names = ", ".join(" ".join(data.names[clip]) for clip in clips)
    step = progress.step - len(steps) + (broken[0] if broken else 0) + 1
    raise UserError(
        f"the loss is not finite in epoch {progress.epoch + 1}, step {step}; "
        f"lower learning_rate or look at the clips of this step: {names or 'of another process'}"
    )


def _log_epoch(run: _Run, progress: Progress, events: SummaryWriter | None) -> None:
    """Add the finished epoch's row to the log and to TensorBoard, and begin the next."""
    row = {
        "epoch": progress.epoch + 1,
        "loss": progress.loss / progress.snippets,
        "accuracy": 100 * progress.right / progress.snippets,
        "learning_rate": run.optimiser.param_groups[0]["lr"],
        "clips": len(run.data.clips),
        "snippets": progress.snippets,
        "seconds": progress.seconds,
        "snippets_per_s": progress.snippets / progress.seconds,
        "waiting": progress.waiting / progress.seconds,
        "memory_gb": _memory_gb(run.group.device),
    }
    rows = [*progress.rows, row]
    vars(progress).update(vars(Progress(epoch=progress.epoch + 1, rows=rows)))
    if events is not None:
        for name in LOG_COLUMNS[1:]:
            events.add_scalar(name, row[name], row["epoch"])
        write_log(run.log, rows)


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """Write `log.csv`, a row an epoch: accuracy in percent of the kept classes, peak memory."""
    write_rows(path, LOG_COLUMNS, [{name: f"{row[name]:.6g}" for name in row} for row in rows])


def _memory_gb(device: torch.device) -> float:
    """The most memory used so far, of the GPU or else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _description(
    data: TrainingSet,
    sources: TrainingSources,
    settings: TrainingSettings,
    lineage: list[Training],
    short_side: int | None,
) -> ModelDescription:
    """What the model file says beside the weights: enough to embed any video and name its class."""
    paths = list(sources.class_embeddings.values())
    return {
        "classes": data.classes,
        "embedding": {
            "name": paths[0].parent.name,
            "digest": json_digest([_content_digest(path) for path in paths]),
        },
        "input": {
            "frames": settings.frames,
            "frame_rate": settings.frame_rate,
            "crop": settings.crop,
            "short_side": short_side,
            "mean": list(MEAN),
            "std": list(STD),
        },
        "seed": settings.seed,
        "settings": settings.decisive,
        "lineage": lineage,
        "versions": {
            "unseen": unseen.__version__,
            "torch": str(torch.__version__),
            "torchvision": str(torchvision.__version__),
        },
    }
