"""Requested classes as texts of a model that has a text encoder of its own."""

from collections.abc import Sequence

from torch import Tensor

from unseen.classes.words import phrase_of
from unseen.network.dual_folder import DualFolder
from unseen.network.dual_texts import class_texts, unit_classes
from unseen.prediction.requested_classes import Requested, Wanted, same_words


def embed_texts(
    wanted: Wanted, folder: DualFolder, prompts: Sequence[str]
) -> tuple[Requested, Tensor]:
    """Each wanted class by its name in the prompts, and the prompts' embeddings (U, Q, D).

    None is marked as seen: what such a model has seen is not known.

    Raises:
        UserError: The folder cannot be used, or a text is too long for it.
    """
    names = list(wanted)
    texts = class_texts(folder, names, prompts)
    phrases = [phrase_of(name).split() for name in names]
    notes = same_words(names, phrases)
    if any(wanted.values()):
        notes.append("words beside the classes' names are not read: the model reads the names")
    return Requested(names, unit_classes(texts).numpy(), phrases, {}, notes), texts
