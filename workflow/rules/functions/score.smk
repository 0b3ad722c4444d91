"""Inputs of scoring."""


def scoring_files(wildcards):
    """What scores are made of, by the option of score_videos.py that names it."""
    run, name = run_of(wildcards), dataset_of(wildcards)
    return {
        "embeddings": f"results/video_embeddings/{run.name}/{name}.h5",
        "class-embeddings": class_embeddings(run, name),
        "labels": f"results/labels/{name}.csv",
        "rejected": f"results/rejected/{name}.csv",
        "missing": f"results/missing/{name}.csv",
    }


def scoring_inputs(wildcards):
    files = scoring_files(wildcards)
    large = with_digests([files.pop("embeddings"), files.pop("labels")])
    return settled(large | {"small": list(files.values())})


def scoring_arguments(wildcards, output):
    """Told apart from the inputs, which are not known before the cut-off."""
    return [
        part
        for option, path in scoring_files(wildcards).items()
        for part in (f"--{option}", path)
    ]


def is_seen(wildcards):
    return (
        ["--allow-seen"]
        if dataset_of(wildcards) not in run_of(wildcards).unseen
        else []
    )


def score_command(further=""):
    return (
        "{params.stage} --log {log:q} -- score_videos.py {params.arguments:q}"
        f" --predictions {{output.predictions:q}} {further}"
    )
