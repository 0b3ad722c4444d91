"""Runs without training, `method: dual`: an image-text or video-text model's own space.

A video of an image-text model lies at the mean of its frames' unit embeddings. X-CLIP embeds a
video as such, and adds to each class's text a term that depends on the video (Ni et al., ECCV 2022,
Eq. 8 and 9): its classes are no matrix, and are compared while the video is at hand.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseen.base.errors import UserError
from unseen.network.dual_folder import FAMILIES, DualFolder, find_dual
from unseen.network.dual_model import build_untrained, load_pretrained
from unseen.network.model_file import ModelDescription, write_model
from unseen.network.zero_shot_network import ZeroShotNetwork

METHOD = "dual"
TOGETHER = 256
"""Texts that get a video's term at a time."""


class FrameEmbeddings(nn.Module):
    """An image encoder on each frame: (B, 3, L, H, W) to (B, D), the mean of its unit
    embeddings."""

    def __init__(self, vision_model: nn.Module, projection: nn.Module) -> None:
        super().__init__()
        self.vision_model, self.projection = vision_model, projection

    def forward(self, snippets: Tensor) -> Tensor:
        frames = snippets.transpose(1, 2)
        pooled = self.vision_model(pixel_values=frames.flatten(0, 1)).pooler_output
        units = F.normalize(self.projection(pooled).float(), dim=-1)
        return units.view(*frames.shape[:2], -1).mean(dim=1)


class VideoEmbeddings(nn.Module):
    """X-CLIP's video encoder: (B, 3, L, H, W) to (B, D + P * D), the unit embedding and what the
    classes' term is made of, the mean over frames of P patches."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.vision_model, self.mit = model.vision_model, model.mit
        self.visual_projection = model.visual_projection
        self.prompts_visual_layernorm = model.prompts_visual_layernorm
        self.prompts_visual_projection = model.prompts_visual_projection

    def forward(self, snippets: Tensor) -> Tensor:
        frames = snippets.transpose(1, 2)
        seen = self.vision_model(pixel_values=frames.flatten(0, 1))
        each = self.visual_projection(seen.pooler_output).view(*frames.shape[:2], -1)
        video = F.normalize(self.mit(each)[1].float(), dim=-1)
        patches = self.prompts_visual_layernorm(seen.last_hidden_state[:, 1:])
        patches = patches @ self.prompts_visual_projection
        patches = patches.view(*frames.shape[:2], -1, video.shape[-1]).mean(dim=1)
        return torch.cat([video, patches.float().flatten(1)], dim=1)


class DualNetwork(ZeroShotNetwork):
    """A dual model without its text encoder; `settings` are the arguments of `build_dual`.

    With `prompt_generator` the classes depend on the video: `compare` them.
    """

    def __init__(self, model: Any, settings: dict[str, Any], projection: nn.Module) -> None:
        of_videos = FAMILIES[settings["config"]["model_type"]].of_videos
        super().__init__(
            VideoEmbeddings(model)
            if of_videos
            else FrameEmbeddings(model.vision_model, projection),
            nn.Identity(),
            nn.Identity(),
            feature_dim=settings["embedding_dim"],
            settings=settings,
        )
        self.prompt_generator: nn.Module | None = model.prompts_generator if of_videos else None

    @property
    def of_videos(self) -> bool:
        """Whether the classes' embeddings depend on the video."""
        return self.prompt_generator is not None

    @torch.inference_mode()
    def compare(self, encoded: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """The unit embeddings (B, D) of videos and their cosines (B, C) to classes.

        `encoded` (B, D + P * D) is what the visual encoder gave, `texts` (C, Q, D) the classes'
        prompts as the text encoder gave them: each with its term and at unit length, then their
        mean at unit length.
        """
        assert self.prompt_generator is not None
        dim = self.feature_dim
        videos, patches = encoded[:, :dim], encoded[:, dim:].reshape(len(encoded), -1, dim)
        cosines = []
        for part in torch.split(texts, max(1, TOGETHER // texts.shape[1])):
            own = part.flatten(0, 1).expand(len(videos), -1, -1)
            own = F.normalize(own + self.prompt_generator(own, patches), dim=-1)
            classes = F.normalize(own.view(len(videos), *part.shape[:2], dim).mean(dim=2), dim=-1)
            cosines.append(torch.einsum("bd,bcd->bc", videos, classes))
        return videos, torch.cat(cosines, dim=1)


def make_dual_model(
    folder: Path, output: Path, *, input_settings: Mapping[str, Any] | None = None
) -> str:
    """Write the model of a folder as it is, without its text encoder; returns a line for the log.

    `input_settings` replace parts of the folder's own input. Raises UserError for a folder that
    cannot be used.
    """
    found = find_dual(folder)
    network = load_dual(found)
    description: ModelDescription = {
        "classes": [],
        "embedding": {"name": f"texts of {folder.name}", "digest": found.digest()},
        "input": {**found.input, **(input_settings or {})},  # type: ignore[typeddict-item]
        "lineage": [{"weights": folder.name, "classes": None}],
    }
    write_model(output, network, torch.zeros(0, network.feature_dim), description)
    return f"{folder.name}: a {found.kind}, embeddings of {network.feature_dim} numbers"


def load_dual(folder: DualFolder) -> DualNetwork:
    """The network of a folder with its weights. Raises UserError for one that cannot be used."""
    return _assemble(load_pretrained(folder), folder.config)


def build_dual(**settings: Any) -> ZeroShotNetwork:
    """The network of a model file of this method, its weights still to come."""
    config = settings["config"]
    if not isinstance(config, dict) or config.get("model_type") not in FAMILIES:
        raise UserError(f"it is of no family that is known ({', '.join(FAMILIES)})")
    return _assemble(build_untrained(config), config)


def _assemble(model: Any, config: dict[str, Any]) -> DualNetwork:
    projection = getattr(model, "visual_projection", None) or nn.Identity()
    dim = getattr(model.config, "projection_dim", None) or model.config.vision_config.hidden_size
    settings = {"method": METHOD, "config": config, "embedding_dim": dim}
    return DualNetwork(model, settings, projection).eval()
