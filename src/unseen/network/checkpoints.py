"""Checkpoints: how far a run has come, and all that going on from there needs."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from unseen.base.errors import UserError
from unseen.network.objective import Objective
from unseen.network.torch_files import read_torch_file, save

CHECKPOINTS = "checkpoint-*.pt"


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
        """Those of other code, settings or inputs. They stay until a model is there."""
        return [path for path in sorted(self.folder.glob(CHECKPOINTS)) if path != self.path]

    def save(
        self, progress: Progress, objective: Objective, optimiser: torch.optim.Optimizer | None
    ) -> None:
        """Write all that going on needs; of a finished run without the optimiser."""
        content = {
            "objective": objective.state_dict(),
            "optimiser": optimiser and optimiser.state_dict(),
            "state": asdict(progress),
        }
        save(self.path, content)

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
        content = read_torch_file(self.path)
        objective.load_state_dict(content["objective"])
        if content["optimiser"] is not None:
            optimiser.load_state_dict(content["optimiser"])
        return Progress(**content["state"])
