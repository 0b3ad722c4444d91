"""Publisher's files to manifests: which clips there are, and apart from them their classes."""

@lru_cache(maxsize=None)
def listing_digest(name):
    """What a listing depends on, from the files themselves; a rendered set has its own digest."""
    if is_rendered(DATASETS[name]["root"]):
        return ""
    try:
        return layouts.listing_digest(
            Path(DATASETS[name]["root"]), DATASETS[name]["layout"], layout_options(name)
        )
    except UserError as error:
        complain(error)


def rendered_input(wildcards):
    root = DATASETS[wildcards.dataset]["root"]
    return [f"{root}.sha256"] if is_rendered(root) else []


def listing_arguments(name):
    """Arguments of list_clips.py; where the files lie is no part of what a listing depends on."""
    dataset = DATASETS[name]
    arguments = ["--layout", dataset["layout"], "--media", dataset["media"]]
    arguments += ["--trimmed", str(dataset["trimmed"]).lower()]
    for key in ("subsets", "exclude"):
        if dataset.get(key):
            arguments += [f"--{key}", *dataset[key]]
    return arguments


def listing_places(name):
    dataset = DATASETS[name]
    places = ["--root", dataset["root"]]
    if "annotations" in dataset:
        places += ["--annotations", dataset["annotations"]]
    return places


# The number of outputs follows the number of shards, so sets with as many share a rule.
for count in sorted({DATASETS[name]["shards"] for name in LISTED}):

    rule:
        name:
            f"list_clips_into_{count}"
        input:
            rendered_input,
        output:
            parts=expand(
                "results/manifests/{{dataset}}/{shard}.csv",
                shard=map(layouts.shard_name, range(count)),
            ),
            labels="results/labels/{dataset}.csv",
            labels_digest="results/labels/{dataset}.csv.sha256",
            missing="results/missing/{dataset}.csv",
            class_names="results/class_names/{dataset}.txt",
        log:
            "results/logs/list_clips/{dataset}.log",
        benchmark:
            "results/benchmarks/list_clips/{dataset}.tsv"
        wildcard_constraints:
            dataset=any_of(name for name in LISTED if DATASETS[name]["shards"] == count),
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            code=code_digest("list_clips"),
            listing=lambda wildcards: listing_digest(wildcards.dataset),
            arguments=lambda wildcards: listing_arguments(wildcards.dataset),
            places=lambda wildcards, output: listing_places(wildcards.dataset),
            manifests=lambda wildcards, output: Path(output.parts[0]).parent,
            shards=count,
        shell:
            STAGE
            + "list_clips.py --dataset {wildcards.dataset:q} {params.arguments:q}"
            " {params.places:q} --shards {params.shards} --manifests {params.manifests:q}"
            " --labels {output.labels:q} --missing {output.missing:q}"
            " --class-names {output.class_names:q}"
