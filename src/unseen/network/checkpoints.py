"""Checkpoints: how far a run has come, and all that going on from there needs."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from unseen.base.errors import UserError
from unseen.network.objective import Objective
from unseen.network.tensor_file import read_tensors, write_tensors

CHECKPOINTS = "checkpoint-*.safetensors"


@dataclass
class Progress:
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
class Checkpoint:
    """The checkpoint in a folder for one digest of code, settings and inputs.

    Each digest has a file of its own: going back to earlier settings goes on where they stopped.
    """

    folder: Path
    digest: str

    @property
    def path(self) -> Path:
        return self.folder / CHECKPOINTS.replace("*", self.digest[:16])

    @property
    def others(self) -> list[Path]:
        """Those of other code, settings or inputs. They stay until a model is there.

        Those of the first version end in `.pt`.
        """
        return [path for path in sorted(self.folder.glob("checkpoint-*.*")) if path != self.path]

    def save(
        self, progress: Progress, objective: Objective, optimiser: torch.optim.Optimizer | None
    ) -> None:
        """Write all that going on needs; of a finished run without the optimiser."""
        tensors = {f"objective.{name}": value for name, value in objective.state_dict().items()}
        groups = None
        if optimiser is not None:
            moments = optimiser.state_dict()
            groups = moments["param_groups"]
            for number, values in moments["state"].items():
                tensors |= {f"optimiser.{number}.{name}": value for name, value in values.items()}
        write_tensors(self.path, tensors, {"progress": asdict(progress), "groups": groups})

    def load(
        self, objective: Objective, optimiser: torch.optim.Optimizer, *, required: bool = False
    ) -> Progress:
        """Take up what was saved; a fresh start where nothing was.

        With `required` raises UserError where nothing was.
        """
        if not self.path.is_file():
            if required:
                others = ", ".join(map(str, self.others))
                belong = f"; of other code, settings or inputs are {others}" if others else ""
                raise UserError(f"{self.folder} has no checkpoint to go on from{belong}")
            return Progress()
        tensors, description = read_tensors(self.path)
        if description is None:
            raise UserError(f"{self.path} is damaged: remove it, and training starts afresh")
        objective.load_state_dict(_part(tensors, "objective."))
        if description["groups"] is not None:
            state = _moments(_part(tensors, "optimiser."), optimiser)
            optimiser.load_state_dict({"state": state, "param_groups": description["groups"]})
        return Progress(**description["progress"])


def _moments(
    tensors: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> dict[int, dict[str, Tensor]]:
    """The optimiser's tensors by parameter, each in its parameter's layout: fused steps walk
    through both as they lie in memory."""
    parameters = [one for group in optimiser.param_groups for one in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        state.setdefault(int(number), {})[name] = value
    return state


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
