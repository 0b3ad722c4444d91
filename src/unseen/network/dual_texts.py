"""Class names to embeddings by a dual model's own text encoder, over prompts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from unseen.base.errors import UserError
from unseen.base.hdf5 import new_hdf5, open_hdf5, read_array, read_texts
from unseen.classes.class_list import read_class_list
from unseen.classes.words import phrase_of
from unseen.network.dual_folder import DualFolder, find_dual
from unseen.network.dual_model import load_pretrained, load_tokenizer

BATCH = 64


def encode_prompts(
    class_list: Path, folder: Path, output: Path, *, prompts: Sequence[str] | None = None
) -> str:
    """Write the class embeddings of a list by the model of a folder; returns a line for the log.

    `prompts` are templates in which `{}` stands for the class's name in words; without any the
    family's own. The file holds `classes` (C), `embeddings` (C, D), the unit mean of each class's
    unit embeddings over the prompts, and where these get a term from the video `texts` (C, Q, D),
    the prompts' embeddings as they are.

    Raises UserError for a folder that cannot be used and for a prompt that is too long for it.
    """
    found = find_dual(folder)
    names = list(read_class_list(class_list))
    chosen = list(prompts or [found.family.prompt])
    texts = class_texts(found, names, chosen)
    units = unit_classes(texts)
    with new_hdf5(output) as file:
        file.create_dataset("classes", data=names, dtype=h5py.string_dtype())
        file.create_dataset("embeddings", data=units.numpy())
        if found.family.of_videos:
            file.create_dataset("texts", data=texts.numpy())
    shown = ", ".join(map(repr, chosen[:3])) + (", ..." if len(chosen) > 3 else "")
    return f"{class_list}: {len(names)} classes as texts of {folder.name}, over {shown}"


def unit_classes(texts: Tensor) -> Tensor:
    """The unit mean (C, D) of each class's unit embeddings, of those of its prompts (C, Q, D)."""
    return F.normalize(F.normalize(texts, dim=-1).mean(dim=1), dim=-1)


def read_class_texts(path: Path) -> tuple[list[str], npt.NDArray[np.float32]]:
    """The classes (C) and their `texts` (C, Q, D). Raises UserError for a file without them."""
    with open_hdf5(path, "class texts") as file:
        names = read_texts(file, "classes")
        return names, read_array(file, "texts", len(names), None, None)


@torch.inference_mode()
def class_texts(folder: DualFolder, names: Sequence[str], prompts: Sequence[str]) -> Tensor:
    """The text encoder's embeddings (C, Q, D) of C class names in Q prompts, as it gives them."""
    texts = [prompt.replace("{}", phrase_of(name) or name) for name in names for prompt in prompts]
    if folder.family.lower:
        texts = [text.lower() for text in texts]
    model, tokenizer = load_pretrained(folder), load_tokenizer(folder)
    config = model.config.text_config
    found = []
    for first in range(0, len(texts), BATCH):
        tokens = _tokens(folder, tokenizer, texts[first : first + BATCH], config)
        found.append(model.get_text_features(**tokens).pooler_output.float())
    return torch.cat(found).view(len(names), len(prompts), -1)


def _tokens(folder: DualFolder, tokenizer: Any, texts: list[str], config: Any) -> Any:
    """The texts' tokens, padded as each family was trained."""
    longest, known = config.max_position_embeddings, config.vocab_size
    whole = {"padding": "max_length", "max_length": longest} if folder.family.lower else {}
    tokens = tokenizer(texts, return_tensors="pt", **({"padding": True} | whole))
    if tokens["input_ids"].shape[1] > longest:
        lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
        text = texts[int(np.argmax(lengths))]
        raise UserError(
            f"{text!r} is {max(lengths)} tokens long; {folder.path} takes {longest}: shorten the"
            f" class's name or the prompts"
        )
    if int(tokens["input_ids"].max()) >= known:
        raise UserError(
            f"the tokenizer of {folder.path} knows more words than its model, which has {known}:"
            f" they are not of one model"
        )
    return tokens
