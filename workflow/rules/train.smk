"""Clips and class embeddings to models."""

SUBSETS = [
    name for name, run in RUNS.items() if "classes" in run.settings.get("subset", {})
]
FROZEN = [name for name, run in RUNS.items() if run.freeze and run.train_on]
TRAINED = [name for name in RUNS if name not in FROZEN]


rule select_classes:
    """A subset of a run's kept classes, for the sweeps of Figures 4 to 6."""
    input:
        lambda wildcards: settled(list(subset_sources(wildcards))),
    output:
        "results/kept/{run}.txt",
    log:
        "results/logs/select_classes/{run}.log",
    benchmark:
        "results/benchmarks/select_classes/{run}.tsv"
    wildcard_constraints:
        run=any_of(SUBSETS),
    params:
        stage=stage,
        code=code_digest("select_classes"),
        subset=lambda wildcards: as_json(run_of(wildcards).settings["subset"]),
        seed=lambda wildcards: run_of(wildcards).seed,
        kept=lambda wildcards, output: subset_sources(wildcards)[0],
        embeddings=lambda wildcards, output: subset_sources(wildcards)[1:],
    shell:
        "{params.stage} --log {log:q} -- select_classes.py --kept {params.kept:q} --class-embeddings {params.embeddings:q}"
        " --subset {params.subset:q} --seed {params.seed} --output {output:q}"


WITHOUT_EFFECT = ("threads", "workers", "device", "gpus", "checkpoint_minutes")


READ_WITHOUT_TRAINING = (
    *("network", "frames", "crop", "width", "dropout", "normalise"),
    *("projection", "replace_head", "loss", "seed"),
)
READ_BY_CONTRASTIVE = ("temperature", "uniformity")


FEATURE_KEYS = (
    *(
        "network",
        "width",
        "frames",
        "crop",
        "dtype",
        "flip",
        "seed",
        "subset",
    ),
    *("batch_size", "clips_per_epoch"),
)


rule train:
    input:
        unpack(training_inputs),
    output:
        model="results/models/{run}/model.pt",
        digest="results/models/{run}/model.pt.sha256",
        history="results/models/{run}/log.csv",
    log:
        "results/logs/train/{run}.log",
    benchmark:
        "results/benchmarks/train/{run}.tsv"
    wildcard_constraints:
        run=any_of(TRAINED),
    threads: cpus_of
    resources:
        gpu=gpus_of,
        mem_mb=lambda wildcards, attempt: 16000 * min(attempt, 3),
        runtime=1440,
    params:
        stage=stage,
        code=code_digest("train"),
        decisive=training_settings,
        settings=all_settings,
        weights=weights_digest,
        arguments=training_arguments,
        launcher=launcher,
    shell:
        "{params.stage} --log {log:q} -- train.py {params.arguments:q} --settings {params.settings:q}"
        " {params.launcher} --digest {params.code} --output {output.model:q} --log {output.history:q}"


rule extract_features:
    """The features of a frozen network, computed once."""
    input:
        unpack(training_inputs),
    output:
        main="results/features/{run}.h5",
        digest="results/features/{run}.h5.sha256",
    log:
        "results/logs/extract_features/{run}.log",
    benchmark:
        "results/benchmarks/extract_features/{run}.tsv"
    wildcard_constraints:
        run=any_of(FROZEN),
    threads: cpus_of_one
    resources:
        gpu=one_gpu_of,
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 1440 * attempt,
    params:
        stage=stage,
        code=code_digest("extract_features"),
        decisive=feature_settings,
        settings=all_settings,
        weights=weights_digest,
        arguments=training_arguments,
    shell:
        "{params.stage} --log {log:q} -- extract_features.py {params.arguments:q} --settings {params.settings:q}"
        " --output {output.main:q}"


rule train_frozen:
    """The semantic encoder on the stored features of a frozen visual encoder."""
    input:
        unpack(
            lambda wildcards: training_inputs(wildcards)
            | {
                "features": [ancient(f"results/features/{wildcards.run}.h5")],
                "features_digest": [f"results/features/{wildcards.run}.h5.sha256"],
            }
        ),
    output:
        model="results/models/{run}/model.pt",
        digest="results/models/{run}/model.pt.sha256",
        history="results/models/{run}/log.csv",
    log:
        "results/logs/train/{run}.log",
    benchmark:
        "results/benchmarks/train/{run}.tsv"
    wildcard_constraints:
        run=any_of(FROZEN),
    threads: lambda wildcards: run_of(wildcards).settings["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * min(attempt, 3),
        runtime=240,
    params:
        stage=stage,
        code=code_digest("train"),
        decisive=training_settings,
        settings=settings_on_cpu,
        weights=weights_digest,
        arguments=training_arguments,
    shell:
        "{params.stage} --log {log:q} -- train.py {params.arguments:q} --features results/features/{wildcards.run}.h5"
        " --settings {params.settings:q} --digest {params.code}"
        " --output {output.model:q} --log {output.history:q}"
