"""Inputs of the clip stores."""


def manifest_part(wildcards):
    return settled([f"results/manifests/{wildcards.dataset}/{wildcards.shard}.csv"])


def clip_settings(wildcards, output):
    """With the time that ffmpeg is given, which shows in no clip."""
    return as_json(CLIP_SETTINGS | {"timeout_s": config["clips"]["timeout_s"]})


def root_of(wildcards, output):
    return DATASETS[wildcards.dataset]["root"]
