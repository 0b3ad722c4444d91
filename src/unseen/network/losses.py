"""What training minimises: Eq. 2, and losses that later work puts in its place."""

import torch
import torch.nn.functional as F
from torch import Tensor


def squared_error(embeddings: Tensor, targets: Tensor, *, reduction: str = "mean") -> Tensor:
    """Eq. 2: squared error between embeddings (B, D) and their classes' (B, D).

    `reduction` is `mean`, over batch and dimensions as in the authors' code, or `sum` as in the
    paper.
    """
    return F.mse_loss(embeddings, targets, reduction=reduction)


def contrastive(
    embeddings: Tensor, class_embeddings: Tensor, labels: Tensor, *, temperature: float
) -> Tensor:
    """Cross entropy of a softmax over the cosines to all C training classes, divided by
    `temperature`.

    The alignment of "Alignment-Uniformity aware Representation Learning for Zero-shot Video
    Classification" (Pu, Zhao, Zheng; CVPR 2022). `embeddings` (B, D), `class_embeddings` (C, D),
    `labels` (B,) int64.
    """
    return F.cross_entropy(cosines(embeddings, class_embeddings) / temperature, labels)


def uniformity(class_embeddings: Tensor, *, sharpness: float = 2.0) -> Tensor:
    """Log of the mean Gaussian potential between all pairs of C class embeddings (C, D).

    It is smallest where they lie evenly on the sphere (Wang and Isola, ICML 2020, Eq. 5; used by Pu
    et al.).
    """
    units = F.normalize(class_embeddings, dim=-1)
    return torch.pdist(units).square().mul(-sharpness).exp().mean().log()


def mix(features: Tensor, class_embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Features (M, F) of clips that lie between two of different classes, and unit embeddings
    (M, D) of classes that lie between theirs.

    `features` (B, F), `class_embeddings` (C, D), `labels` (B,) int64. Each clip gets a partner of
    the batch and a share, drawn from torch's generator, by which both are interpolated; pairs of
    one class are left out, so M is at most B. After the class generator of Pu et al., which
    extrapolates too and knows the centres of the classes.
    """
    shift = int(torch.randint(1, max(2, len(labels)), ()))
    differ = labels != labels.roll(shift)
    share = torch.rand(len(labels), 1).to(features)
    targets = class_embeddings[labels]

    def between(rows: Tensor) -> Tensor:
        return torch.lerp(rows, rows.roll(shift, 0), share)[differ]

    return between(features), F.normalize(between(targets), dim=-1)


def cosines(embeddings: Tensor, class_embeddings: Tensor) -> Tensor:
    """(B, D) and (C, D) to the cosines (B, C); Eq. 1 takes the class of the largest."""
    return F.normalize(embeddings, dim=-1) @ F.normalize(class_embeddings, dim=-1).T
