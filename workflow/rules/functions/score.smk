"""Inputs of scoring."""


def scoring_inputs(wildcards):
    run, name = run_of(wildcards), dataset_of(wildcards)
    return settled(
        {
            "embeddings": [ancient(f"results/video_embeddings/{run.name}/{name}.h5")],
            "embeddings_digest": [
                f"results/video_embeddings/{run.name}/{name}.h5.sha256"
            ],
            "class_embeddings": [class_embeddings(run, name)],
            "labels": [ancient(f"results/labels/{name}.csv")],
            "labels_digest": [f"results/labels/{name}.csv.sha256"],
            "rejected": [f"results/rejected/{name}.csv"],
            "missing": [f"results/missing/{name}.csv"],
        }
    )


def is_seen(wildcards):
    return (
        ["--allow-seen"]
        if dataset_of(wildcards) not in run_of(wildcards).unseen
        else []
    )


def score_command(further=""):
    return (
        "{params.stage} --log {log:q} -- score_videos.py --embeddings {input.embeddings:q}"
        " --class-embeddings {input.class_embeddings:q} --labels {input.labels:q}"
        " --rejected {input.rejected:q} --missing {input.missing:q}"
        f" --predictions {{output.predictions:q}} {further}"
    )
