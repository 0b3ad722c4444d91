"""Training: f_v and f_s together (or f_s alone) by Eq. 2, safe to kill, on one device or many.

All randomness hangs on (seed, step): a run that was stopped and resumed ends with the same weights
as one that was not. One process does the work, or one a GPU under `torchrun`, each with its share
of every step.
"""

import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torchvision
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter

import unseen
from unseen.base.devices import autocast, pick_device, pick_dtype
from unseen.base.errors import UserError
from unseen.base.files import file_digest, json_digest
from unseen.base.progress import progress_bar
from unseen.base.stage_code import code_digest
from unseen.base.tabular import write_rows
from unseen.network import losses
from unseen.network.frozen_features import FeatureBatch, FeatureLoader, frozen_features
from unseen.network.model_file import save, start_network, write_model
from unseen.network.networks import ZeroShotNetwork
from unseen.network.settings import TrainingSettings
from unseen.network.training_set import (
    TrainingSet,
    TrainingSources,
    open_store,
    select_training_set,
    snippet_input,
    stored_clips,
    stored_short_side,
    stream_epoch,
    training_loader,
)
from unseen.network.weights import read_checkpoint
from unseen.videos.loading import MEAN, STD, SnippetBatch, TrainingLoader

STOPPED = 75
"""Exit code of a run that was told to stop and has written a checkpoint to go on from."""
STOP = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
CHECKPOINTS = "checkpoint-*.pt"
PAPER_BATCH = 22
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


class Objective(nn.Module):
    """A network and the loss that it is trained by.

    `class_embeddings` (C, D) float32; `dtype` is the arithmetic of f_v. A plain classifier gets a
    linear head of its own, which training alone knows.
    """

    def __init__(
        self,
        network: ZeroShotNetwork,
        class_embeddings: Tensor,
        settings: TrainingSettings,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("class_embeddings", class_embeddings, persistent=False)
        self.settings, self.dtype = settings, dtype
        if settings.loss == "classification":
            self.head = nn.Linear(network.feature_dim, len(class_embeddings))
        if settings.freeze:
            network.visual_encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "Objective":
        """Training mode, but for a frozen visual encoder and its batch norms."""
        super().train(mode)
        self.network.visual_encoder.train(mode and not self.settings.freeze)
        return self

    def forward(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss () and number () of right classes, of snippets (B, 3, L, H, W) or features (B, F).

        f_s and the loss are computed in float32, f_v in the run's arithmetic.
        """
        features = inputs if inputs.dim() == 2 else self._features(inputs)
        if self.settings.loss == "classification":
            logits = self.head(features)
            return nn.functional.cross_entropy(logits, labels), _right(logits, labels)
        embeddings = self.network.semantic_encoder(features)
        classes = self.network.class_encoder(self.class_embeddings)
        loss = self._embedding_loss(embeddings, classes, labels)
        if self.settings.uniformity:
            loss = loss + self.settings.uniformity * losses.uniformity(classes)
        if self.training and self.settings.mixing:
            loss = loss + self.settings.mixing * self._mixed_loss(features, classes, labels)
        return loss, _right(losses.cosines(embeddings, classes), labels)

    def _mixed_loss(self, features: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
        """The same loss of mixed clips, each of a class of its own beside the others."""
        mixed, between = losses.mix(features, classes, labels)
        if not len(mixed):
            return mixed.sum()
        numbers = len(classes) + torch.arange(len(mixed), device=labels.device)
        embeddings = self.network.semantic_encoder(mixed)
        return self._embedding_loss(embeddings, torch.cat([classes, between]), numbers)

    def _features(self, snippets: Tensor) -> Tensor:
        if self.settings.freeze:
            return frozen_features(self.network, snippets, self.dtype)
        with autocast(snippets.device, self.dtype):
            features = self.network.visual_encoder(snippets)
        return features.float()

    def _embedding_loss(self, embeddings: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
        settings = self.settings
        if settings.loss == "contrastive":
            return losses.contrastive(embeddings, classes, labels, temperature=settings.temperature)
        reduction = {"mse": "mean", "mse_sum": "sum"}[settings.loss]
        return losses.squared_error(embeddings, classes[labels], reduction=reduction)


def _right(scores: Tensor, labels: Tensor) -> Tensor:
    return (scores.detach().argmax(1) == labels).sum()


def make_optimiser(
    parameters: list[nn.Parameter], settings: TrainingSettings
) -> torch.optim.Optimizer:
    """Adam as in the paper, or SGD with Nesterov's momentum; the rate is set at every step."""
    common = {"lr": 0.0, "weight_decay": settings.weight_decay, "fused": True}
    if settings.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=0.9, nesterov=True, **common)
    return torch.optim.Adam(parameters, **common)


def learning_rate(settings: TrainingSettings, epoch: float) -> float:
    """The rate at a point of training, counted in epochs.

    `steps` drops it by `gamma` after each milestone (the paper's), `cosine` lets it sink to 0, and
    `one_cycle` (Smith and Topin, 2017) lets it rise from a 25th over the first 30% and sink to
    nothing; all but the last after a linear warm-up.
    """
    rate = settings.learning_rate
    if settings.scale_learning_rate:
        rate *= settings.batch_size / PAPER_BATCH
    if settings.schedule == "one_cycle":
        return rate * _one_cycle(epoch / settings.epochs)
    if epoch < settings.warmup_epochs:
        return rate * epoch / settings.warmup_epochs
    if settings.schedule == "cosine":
        done = (epoch - settings.warmup_epochs) / (settings.epochs - settings.warmup_epochs)
        return rate * _half_cosine(done)
    return rate * settings.gamma ** sum(epoch >= milestone for milestone in settings.milestones)


def _half_cosine(done: float) -> float:
    """From 1 to 0 while `done` goes from 0 to 1."""
    return (1 + math.cos(math.pi * done)) / 2


def _one_cycle(done: float, *, top: float = 0.3, start: float = 1 / 25) -> float:
    if done < top:
        return 1 - (1 - start) * _half_cosine(done / top)
    return _half_cosine((done - top) / (1 - top))


@dataclass(frozen=True)
class Group:
    """The processes that train together: this one's rank, their number, this one's device."""

    rank: int
    size: int
    device: torch.device

    def total(self, values: Tensor) -> Tensor:
        """The sum of each process's `values`."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def only_first(self, make: Callable[[], AbstractContextManager]) -> AbstractContextManager:
        """What `make` gives in the first process, a context of None in the others."""
        return make() if self.rank == 0 else nullcontext()


@contextmanager
def process_group(device: str) -> Iterator[Group]:
    """The group that `torchrun` has started this process in; without it this process alone."""
    torch.backends.cudnn.benchmark = True  # sizes stay the same from step to step
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield Group(0, 1, pick_device(device))
        return
    picked = pick_device(device, int(os.environ["LOCAL_RANK"]))
    if picked.type == "cuda":
        torch.cuda.set_device(picked)
    dist.init_process_group("nccl" if picked.type == "cuda" else "gloo")
    try:
        yield Group(dist.get_rank(), size, picked)
    finally:
        dist.destroy_process_group()


def launch(processes: int, command: list[str]) -> int:
    """Run a training script in as many processes under `torchrun`, and return its exit code.

    What they print is printed here; the signals `STOP` are passed on as SIGTERM.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    child = subprocess.Popen(
        [*torchrun, f"--nproc-per-node={processes}", "--", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with stop_signals(child.terminate) as told_to_stop:
        for line in child.stdout:
            print(line, end="", flush=True)
        code = child.wait()
    return STOPPED if told_to_stop else code


@dataclass
class State:
    """How far a run has come: finished epochs with their log; steps and sums of the present one."""

    epoch: int = 0
    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    loss: float = 0.0
    right: float = 0.0
    snippets: int = 0
    seconds: float = 0.0
    waiting: float = 0.0


@dataclass(frozen=True)
class Run:
    """Everything that the loop uses and that stays the same during a run."""

    settings: TrainingSettings
    data: TrainingSet
    objective: Objective
    optimiser: torch.optim.Optimizer
    loader: TrainingLoader | FeatureLoader
    group: Group
    output: Path
    log: Path
    digest: str

    @property
    def checkpoint(self) -> Path:
        """Each digest has a checkpoint of its own: going back to earlier settings goes on there."""
        return self.output.with_name(CHECKPOINTS.replace("*", self.digest[:16]))

    @property
    def other_checkpoints(self) -> list[Path]:
        found = sorted(self.output.parent.glob(CHECKPOINTS))
        return [path for path in found if path != self.checkpoint]


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
        data, loader = _open_inputs(sources, settings, features, group)
        if loader is None and weights is None:
            raise UserError("there is nothing to train on, and no weights to make a model of")
        network, lineage = start_network(
            settings.network_settings,
            embedding_dim=None if settings.loss == "classification" else data.embedding_dim,
            weights=weights,
            seed=settings.seed,
            replace_head=settings.replace_head,
        )
        if loader is None:
            write_log(log, [])
        else:
            digest = run_digest(sources, settings, weights, features, digest, group)
            run = _prepare(network, data, settings, loader, group, output, log, digest)
            with closing(loader):
                _train(run, told_to_stop, must_resume)
        if group.rank == 0:
            short_side = stored_short_side(sources.shards, features)
            write_model(output, network, _description(data, sources, settings, lineage, short_side))
            for path in [] if loader is None else run.other_checkpoints:
                path.unlink()


@contextmanager
def stop_signals(also: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """A list that fills with the signals `STOP` as they come; each calls `also`."""
    received: list[int] = []

    def receive(number: int, _frame: Any) -> None:
        received.append(number)
        also()

    before = [signal.signal(number, receive) for number in STOP]
    try:
        yield received
    finally:
        for number, handler in zip(STOP, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that start in here get no signals: those sent to all would kill the loader's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _open_inputs(
    sources: TrainingSources, settings: TrainingSettings, features: Path | None, group: Group
) -> tuple[TrainingSet, TrainingLoader | FeatureLoader | None]:
    """What to train on and the loader of its batches, None for a run that has no clips."""
    if settings.batch_size % group.size:
        raise UserError(
            f"batch_size {settings.batch_size} cannot be shared by {group.size} processes"
        )
    if features is not None:
        loader = FeatureLoader(features, settings.batch_size // group.size, group.rank, group.size)
        return select_training_set(loader.names, sources, settings), loader
    data = select_training_set(stored_clips(sources.shards), sources, settings)
    if not data.names:
        return data, None
    store = open_store(sources.shards)
    return data, training_loader(store, data.clips, settings, group.rank, group.size)


def run_digest(
    sources: TrainingSources,
    settings: TrainingSettings,
    weights: str | None,
    features: Path | None,
    given: str,
    group: Group,
) -> str:
    """Digest of all that decides a run's result: code, settings, the contents of its inputs, the
    number of processes, and the device and arithmetic that `auto` has come to.
    """
    files = [*sources.labels.values(), *sources.class_embeddings.values(), sources.kept, features]
    files += [path for paths in sources.shards.values() for path in paths]
    files += [Path(weights)] if weights and Path(weights).is_file() else []
    return json_digest(
        {
            "given": given,
            "code": code_digest(Path(__file__)),
            "settings": settings.decisive,
            "weights": weights,
            "processes": group.size,
            "device": group.device.type,
            "dtype": str(pick_dtype(settings.dtype, group.device)),
            "inputs": [_content_digest(path) for path in files if path is not None],
        }
    )


def _content_digest(path: Path) -> str:
    """A file's digest, from the companion beside it where there is one."""
    companion = Path(f"{path}.sha256")
    return companion.read_text().strip() if companion.is_file() else file_digest(path)


def _prepare(
    network: ZeroShotNetwork,
    data: TrainingSet,
    settings: TrainingSettings,
    loader: TrainingLoader | FeatureLoader,
    group: Group,
    output: Path,
    log: Path,
    digest: str,
) -> Run:
    """Put the network on the device, in its layout, with an optimiser."""
    dtype = pick_dtype(settings.dtype, group.device)
    objective = Objective(network, torch.from_numpy(data.class_embeddings), settings, dtype)
    objective.to(group.device, memory_format=torch.channels_last_3d)
    if settings.sync_batch_norm and group.size > 1:
        if group.device.type == "cpu":
            raise UserError("sync_batch_norm needs GPUs; set it to false for training on the CPU")
        nn.SyncBatchNorm.convert_sync_batchnorm(objective)
    if settings.compile:
        network.visual_encoder.compile()
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimiser = make_optimiser(trained, settings)
    if group.rank == 0:
        print(f"training on {data}; {group.size} x {group.device.type}, {dtype}", flush=True)
    return Run(settings, data, objective, optimiser, loader, group, output, log, digest)


def _train(run: Run, told_to_stop: list[int], must_resume: bool) -> None:
    """All epochs from the checkpoint on, or from the start."""
    state = _resume(run, must_resume)
    model: nn.Module = run.objective
    if run.group.size > 1:
        devices = [run.group.device] if run.group.device.type == "cuda" else None
        model = DistributedDataParallel(model, device_ids=devices)
    model.train()
    if run.group.rank == 0:
        write_log(run.log, state.rows)
    size = run.loader.clips_per_epoch
    with (
        run.group.only_first(lambda: SummaryWriter(str(run.output.parent))) as events,
        run.group.only_first(
            lambda: progress_bar(
                total=run.settings.epochs * size,
                initial=state.epoch * size + state.snippets,
                desc=run.output.parent.name,
                unit="snippet",
            )
        ) as bar,
    ):
        clock = _Clock(run.settings.checkpoint_minutes * 60)
        while state.epoch < run.settings.epochs:
            train_one_epoch(run, model, state, bar, clock, told_to_stop)
            _log_epoch(run, state, events)
            if state.epoch == run.settings.epochs and run.group.rank == 0:
                save_checkpoint(run, state)


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


def train_one_epoch(
    run: Run, model: nn.Module, state: State, bar: Any, clock: _Clock, told_to_stop: list[int]
) -> None:
    """The steps of an epoch that are still to do; `state` and `bar` count along.

    Losses and signals are looked at every few steps, and only then is a checkpoint written.
    """
    stream = stream_epoch(state.epoch, run.settings)
    with deaf_children():
        batches = run.loader.epoch(stream, state.step)
    steps: list[tuple[Tensor, Tensor, np.ndarray]] = []
    clock.lap()
    while (batch := _next(batches, state)) is not None:
        loss, right = train_step(run, model, batch, state, stream)
        steps.append((loss, right, batch.clips))
        state.step += 1
        if state.step % CHECK_EVERY[run.group.device.type] and state.step < run.loader.steps:
            continue
        before = state.snippets
        stop = _look(run, state, steps, bool(told_to_stop))
        steps.clear()
        state.seconds += clock.lap()
        if run.group.rank == 0:
            bar.update(state.snippets - before)
            if stop or clock.due():
                save_checkpoint(run, state)
        if stop:
            print(f"stopped at {run.checkpoint}; start again to go on", flush=True)
            raise SystemExit(STOPPED)


def _next(batches: Iterator, state: State) -> SnippetBatch | FeatureBatch | None:
    """The next batch, None at the end; `state` counts the seconds spent waiting for it."""
    began = time.monotonic()
    batch = next(batches, None)
    state.waiting += time.monotonic() - began
    return batch


def train_step(
    run: Run, model: nn.Module, batch: SnippetBatch | FeatureBatch, state: State, stream: int
) -> tuple[Tensor, Tensor]:
    """One step of the optimiser: the loss () before it and the number () of clips classified
    rightly.

    Dropout is drawn from the seed, the step and the process's rank.
    """
    settings, device = run.settings, run.group.device
    step = state.epoch * run.loader.steps + state.step
    seed = np.random.SeedSequence([settings.seed, step, run.group.rank])
    torch.manual_seed(int(seed.generate_state(1)[0]))
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(settings, state.epoch + (state.step + 0.5) / run.loader.steps)
    if isinstance(batch, FeatureBatch):
        inputs = batch.features.to(device, non_blocking=True)
    else:
        inputs = snippet_input(batch, settings, stream, device, run.objective.dtype)
    labels = torch.from_numpy(run.data.labels[batch.clips]).to(device, non_blocking=True)
    loss, right = model(inputs, labels)
    if settings.loss == "mse_sum":
        # Gradients are averaged over the processes; a sum over the batch is their sum.
        loss = loss * run.group.size
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    run.optimiser.step()
    return loss.detach(), right


def _look(
    run: Run, state: State, steps: list[tuple[Tensor, Tensor, np.ndarray]], stop: bool
) -> bool:
    """Add the last steps of all processes to the sums; whether any process has been told to stop.

    Raises UserError that names the clips of a step whose loss is not finite.
    """
    values = torch.stack([loss.double() for loss, _, _ in steps])
    snippets = torch.tensor([len(clips) for _, _, clips in steps], device=values.device)
    right = torch.stack([right for _, right, _ in steps]).sum()
    sums = run.group.total(
        torch.stack([(values * snippets).sum(), right, snippets.sum(), values.new_tensor(stop)])
    ).tolist()
    if not math.isfinite(sums[0]):
        _refuse_loss(run, state, steps, values)
    state.loss += sums[0]
    state.right += sums[1]
    state.snippets += int(sums[2])
    return sums[3] > 0


def _refuse_loss(run: Run, state: State, steps: list, values: Tensor) -> None:
    broken = (~values.isfinite()).nonzero().flatten().tolist()
    clips = steps[broken[0]][2] if broken else []
    names = ", ".join(" ".join(run.data.names[clip]) for clip in clips)
    step = state.step - len(steps) + (broken[0] if broken else 0) + 1
    raise UserError(
        f"the loss is not finite in epoch {state.epoch + 1}, step {step}; "
        f"lower learning_rate or look at the clips of this step: {names or 'of another process'}"
    )


def _log_epoch(run: Run, state: State, events: SummaryWriter) -> None:
    """Add the finished epoch's row to the log and to TensorBoard, and begin the next."""
    row = {
        "epoch": state.epoch + 1,
        "loss": state.loss / state.snippets,
        "accuracy": 100 * state.right / state.snippets,
        "learning_rate": run.optimiser.param_groups[0]["lr"],
        "clips": len(run.data.clips),
        "snippets": state.snippets,
        "seconds": state.seconds,
        "snippets_per_s": state.snippets / state.seconds,
        "waiting": state.waiting / state.seconds,
        "memory_gb": _memory_gb(run.group.device),
    }
    rows = [*state.rows, row]
    vars(state).update(vars(State(epoch=state.epoch + 1, rows=rows)))
    if run.group.rank == 0:
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


def save_checkpoint(run: Run, state: State) -> None:
    """Write everything that going on needs, in the file of this digest."""
    finished = state.epoch == run.settings.epochs
    content = {
        "objective": run.objective.state_dict(),
        "optimiser": None if finished else run.optimiser.state_dict(),
        "state": asdict(state),
    }
    save(run.checkpoint, content)


def _resume(run: Run, must_resume: bool) -> State:
    """Take up this digest's checkpoint if there is one; with `must_resume` raise UserError if not.

    Those of other code, settings or inputs stay until a model is there.
    """
    if not run.checkpoint.is_file():
        others = ", ".join(map(str, run.other_checkpoints))
        if must_resume:
            belong = f"; of other code, settings or inputs are {others}" if others else ""
            raise UserError(f"{run.output.parent} has no checkpoint to go on from{belong}")
        if others and run.group.rank == 0:
            print(f"starting afresh: of other code, settings or inputs are {others}", flush=True)
        return State()
    content = read_checkpoint(run.checkpoint)
    run.objective.load_state_dict(content["objective"])
    if content["optimiser"] is not None:
        run.optimiser.load_state_dict(content["optimiser"])
    state = State(**content["state"])
    if run.group.rank == 0:
        finished = state.epoch == run.settings.epochs
        where = "the end" if finished else f"epoch {state.epoch + 1}, step {state.step + 1}"
        print(f"going on from {where}", flush=True)
    return state


def _description(
    data: TrainingSet,
    sources: TrainingSources,
    settings: TrainingSettings,
    lineage: list[dict[str, Any]],
    short_side: int | None,
) -> dict[str, Any]:
    """What `model.pt` says beside the weights: enough to embed any video and name its class."""
    paths = list(sources.class_embeddings.values())
    return {
        "classes": data.classes,
        "class_embeddings": torch.from_numpy(data.class_embeddings),
        "embedding": {
            "name": paths[0].parent.name,
            "digest": json_digest([_content_digest(path) for path in paths]),
        },
        "input": {
            "frames": settings.frames,
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
