"""Runs of method convex, the part behind the network: probabilities to places among words."""

from collections.abc import Mapping
from pathlib import Path

import torch

from unseen.base.errors import UserError
from unseen.base.files import atomic
from unseen.base.hdf5 import new_hdf5, open_hdf5, read_array, read_texts
from unseen.network.methods import load_model
from unseen.network.video_embeddings import (
    embed_features,
    write_array,
    write_class_encoder,
    write_clip_ids,
)


def combine_classes(
    model: Path, probabilities: Mapping[str, Path], outputs: Mapping[str, Path]
) -> None:
    """Write the video embeddings of each data set in `outputs` as `inference.embed_videos` does,
    but for the features: these are the probabilities that `inference.classify_videos` wrote.

    Raises UserError where these are another classifier's.
    """
    network, _ = load_model(model)
    for dataset, output in outputs.items():
        source = probabilities[dataset]
        with open_hdf5(source, "probabilities") as given, new_hdf5(output) as file:
            ids = read_texts(given, "clip_id")
            file.attrs.update(snippets=given.attrs["snippets"], scheme=given.attrs["scheme"])
            write_clip_ids(file, ids)
            for ending in ("", "_1"):
                found = read_array(given, f"probabilities{ending}", len(ids), None)
                if found.shape[1] != network.feature_dim:
                    raise UserError(
                        f"{source} has probabilities of {found.shape[1]} classes, and {model}"
                        f" combines those of {network.feature_dim}"
                    )
                embeddings = embed_features(network, found, torch.device("cpu"))
                write_array(file, f"embedding{ending}", embeddings)
            write_class_encoder(file, network)
            computed = given.attrs["computed"]
        with atomic(output.with_suffix(".txt")) as temporary:
            temporary.write_text(f"{computed}\n", encoding="utf-8")
