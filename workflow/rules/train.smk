"""Clips and class embeddings to models."""

SUBSETS = [
    name for name, run in RUNS.items() if "classes" in run.settings.get("subset", {})
]
FROZEN = [name for name, run in RUNS.items() if run.freeze and run.train_on]
TRAINED = [name for name in RUNS if name not in FROZEN]


rule select_classes:
    """A subset of a run's kept classes, for the sweeps of Figures 4 to 6."""
    input:
        kept=lambda wildcards: settled([f"results/kept/{run_of(wildcards).base}.txt"]),
        embeddings=lambda wildcards: [
            class_embeddings(run_of(wildcards), name)
            for name in run_of(wildcards).train_on
        ],
    output:
        "results/kept/{run}.txt",
    log:
        "results/logs/select_classes/{run}.log",
    benchmark:
        "results/benchmarks/select_classes/{run}.tsv"
    wildcard_constraints:
        run=any_of(SUBSETS),
    params:
        code=code_digest("select_classes"),
        subset=lambda wildcards: as_json(run_of(wildcards).settings["subset"]),
        seed=lambda wildcards: run_of(wildcards).seed,
    shell:
        STAGE
        + "select_classes.py --kept {input.kept:q} --class-embeddings {input.embeddings:q}"
        " --subset {params.subset:q} --seed {params.seed} --output {output:q}"


def training_inputs(wildcards):
    """What a run learns from: clips and their labels, class embeddings, kept classes, weights."""
    run = run_of(wildcards)
    large = [
        *clip_stores(run.train_on),
        *(f"results/labels/{name}.csv" for name in run.train_on),
        *(class_embeddings(run, name) for name in run.seen),
    ]
    if run.weights in RUNS:
        large.append(f"results/models/{run.weights}/model.pt")
    inputs = with_digests(large)
    inputs["rejected"] = [counted(name) for name in run.train_on]
    inputs["kept"] = kept_of(run)
    return settled(inputs)


def kept_of(run):
    """The kept classes of a run; runs that differ in their seed alone share a list."""
    owner = run.name if run.name in SUBSETS else run.base
    return [f"results/kept/{owner}.txt"] if run.seen else []


def training_arguments(wildcards, output):
    run = run_of(wildcards)
    arguments = []
    if run.train_on:
        arguments += ["--shards", *named_stores(run.train_on)]
        arguments += ["--labels", *named(run.train_on, "results/labels/{}.csv")]
    arguments += [
        "--class-embeddings",
        *named(run.seen, f"results/class_embeddings/{run.embedding}/{{}}.h5"),
    ]
    for path in kept_of(run):
        arguments += ["--kept", path]
    if run.weights in RUNS:
        arguments += ["--weights", f"results/models/{run.weights}/model.pt"]
    elif run.weights:
        arguments += ["--weights", run.weights]
    return arguments


def subset_in_training(run):
    """A subset of the classes is in the kept list already; a share of the clips is taken here."""
    subset = run.settings.get("subset", {})
    return {"subset": subset} if "fraction" in subset else {"subset": None}


WITHOUT_EFFECT = ("threads", "workers", "device", "gpus", "checkpoint_minutes")


def training_settings(wildcards):
    """The settings that a model depends on: what a rerun is decided by."""
    run = run_of(wildcards)
    settings = run.settings | subset_in_training(run)
    return as_json(
        {key: settings[key] for key in settings if key not in WITHOUT_EFFECT}
    )


FEATURE_KEYS = (
    *(
        "network",
        "replace_head",
        "width",
        "frames",
        "crop",
        "dtype",
        "flip",
        "seed",
        "subset",
    ),
    *("batch_size", "clips_per_epoch", "epochs", "feature_epochs"),
)


def feature_settings(wildcards):
    """The settings that a frozen network's features depend on."""
    settings = json.loads(training_settings(wildcards))
    return as_json({key: settings[key] for key in FEATURE_KEYS})


def all_settings(wildcards, output):
    run = run_of(wildcards)
    return as_json(run.settings | subset_in_training(run))


def weights_digest(wildcards):
    """Size and time of a file of weights; a run's model is an input."""
    weights = run_of(wildcards).weights
    if weights and weights not in RUNS and Path(weights).is_file():
        status = Path(weights).stat()
        return f"{Path(weights).name} {status.st_size} {status.st_mtime_ns}"
    return weights or ""


def launcher(wildcards, output):
    """torchrun where a run wants several GPUs."""
    gpus = run_of(wildcards).settings["gpus"]
    return ["--processes", gpus] if gpus > 1 else []


def gpus_of(wildcards):
    """GPUs to ask for: none where a run is told to use the CPU."""
    settings = run_of(wildcards).settings
    return 0 if settings["device"] == "cpu" else max(1, settings["gpus"])


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
    threads: lambda wildcards: run_of(wildcards).settings["threads"]
    resources:
        gpu=gpus_of,
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 1440,
    params:
        code=code_digest("train"),
        decisive=training_settings,
        settings=all_settings,
        weights=weights_digest,
        arguments=training_arguments,
        launcher=launcher,
    shell:
        STAGE + "train.py {params.arguments:q} --settings {params.settings:q}"
        " {params.launcher} --digest {params.code} --output {output.model:q} --log {output.history:q}"


rule extract_features:
    """The features of a frozen network, computed once."""
    input:
        unpack(training_inputs),
    output:
        "results/features/{run}.h5",
        "results/features/{run}.h5.sha256",
    log:
        "results/logs/extract_features/{run}.log",
    benchmark:
        "results/benchmarks/extract_features/{run}.tsv"
    wildcard_constraints:
        run=any_of(FROZEN),
    threads: lambda wildcards: run_of(wildcards).settings["threads"]
    resources:
        gpu=gpus_of,
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=1440,
    params:
        code=code_digest("extract_features"),
        decisive=feature_settings,
        settings=all_settings,
        weights=weights_digest,
        arguments=training_arguments,
    shell:
        STAGE
        + "extract_features.py {params.arguments:q} --settings {params.settings:q}"
        " --output {output[0]:q}"


rule train_frozen:
    """The semantic encoder on the stored features of a frozen visual encoder."""
    input:
        unpack(
            lambda wildcards: training_inputs(wildcards)
            | {"features": [f"results/features/{wildcards.run}.h5.sha256"]}
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
        mem_mb=8000,
        runtime=240,
    params:
        code=code_digest("train"),
        decisive=training_settings,
        settings=all_settings,
        weights=weights_digest,
        arguments=training_arguments,
    shell:
        STAGE
        + "train.py {params.arguments:q} --features results/features/{wildcards.run}.h5"
        " --settings {params.settings:q} --digest {params.code}"
        " --output {output.model:q} --log {output.history:q}"
