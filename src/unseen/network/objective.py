"""What training minimises, as one module: a network and the loss of its snippets (Section 3.1)."""

import torch
from torch import Tensor, nn

from unseen.network import losses
from unseen.network.zero_shot_network import ZeroShotNetwork, encode_snippets


class Objective(nn.Module):
    """A network and the loss that it is trained by.

    `class_embeddings` (C, D) float32; `loss` one of the setting's choices; `freeze` leaves f_v as
    it is; `dtype` is the arithmetic of f_v. `temperature` and `uniformity` belong to the
    contrastive loss, `mixing` is the weight of the loss of mixed clips. A plain classifier's
    network has a linear layer for the classes.
    """

    class_embeddings: Tensor

    def __init__(
        self,
        network: ZeroShotNetwork,
        class_embeddings: Tensor,
        *,
        loss: str = "mse",
        freeze: bool = False,
        temperature: float = 0.1,
        uniformity: float = 0.0,
        mixing: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("class_embeddings", class_embeddings, persistent=False)
        self.loss, self.freeze, self.dtype = loss, freeze, dtype
        self.temperature, self.uniformity, self.mixing = temperature, uniformity, mixing
        if freeze:
            network.visual_encoder.requires_grad_(False)

    @property
    def is_sum(self) -> bool:
        """Whether the loss is a sum over the batch, not a mean."""
        return self.loss == "mse_sum"

    def train(self, mode: bool = True) -> "Objective":
        """Training mode, but for a frozen visual encoder and its batch norms."""
        super().train(mode)
        self.network.visual_encoder.train(mode and not self.freeze)
        return self

    def forward(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss () and number () of right classes, of snippets (B, 3, L, H, W) or features (B, F).

        f_s and the loss are computed in float32, f_v in the run's arithmetic.
        """
        features = inputs if inputs.dim() == 2 else self._features(inputs)
        if self.network.classifier is not None:
            logits = self.network.classifier(features)
            return nn.functional.cross_entropy(logits, labels), _right(logits, labels)
        embeddings = self.network.embed(features)
        classes = self.network.class_encoder(self.class_embeddings)
        loss = self._embedding_loss(embeddings, classes, labels)
        if self.uniformity:
            loss = loss + self.uniformity * losses.uniformity(classes)
        if self.training and self.mixing:
            loss = loss + self.mixing * self._mixed_loss(features, classes, labels)
        return loss, _right(losses.cosines(embeddings, classes), labels)

    def _features(self, snippets: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze):
            return encode_snippets(self.network, snippets, self.dtype)

    def _embedding_loss(self, embeddings: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
        if self.loss == "contrastive":
            return losses.contrastive(embeddings, classes, labels, temperature=self.temperature)
        reduction = "sum" if self.is_sum else "mean"
        return losses.squared_error(embeddings, classes[labels], reduction=reduction)

    def _mixed_loss(self, features: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
        """The same loss of mixed clips, each of a class of its own beside the others."""
        mixed, between = losses.mix(features, classes, labels)
        if not len(mixed):
            return mixed.sum()
        numbers = len(classes) + torch.arange(len(mixed), device=labels.device)
        return self._embedding_loss(
            self.network.embed(mixed), torch.cat([classes, between]), numbers
        )


def _right(scores: Tensor, labels: Tensor) -> Tensor:
    return (scores.detach().argmax(1) == labels).sum()
