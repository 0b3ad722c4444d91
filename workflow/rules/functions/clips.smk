"""Inputs of the clip stores."""


def manifest_part(wildcards):
    return settled([f"results/manifests/{wildcards.dataset}/{wildcards.shard}.csv"])


def root_of(wildcards, output):
    return DATASETS[wildcards.dataset]["root"]
