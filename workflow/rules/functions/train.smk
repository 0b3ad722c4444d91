"""What a run learns from, and how it is told."""


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


def settings_in_training(run):
    """A run's settings. A subset of its classes is in the kept list already; a share of its clips is taken here."""
    subset = run.settings.get("subset", {})
    return run.settings | {"subset": subset if "fraction" in subset else None}


def subset_sources(wildcards):
    """The kept classes that a subset is taken of, and the class embeddings of its training sets."""
    run = run_of(wildcards)
    embeddings = [class_embeddings(run, name) for name in run.train_on]
    return f"results/kept/{run.base}.txt", *embeddings


def training_settings(wildcards):
    """The settings that a model depends on: what a rerun is decided by."""
    run = run_of(wildcards)
    settings = settings_in_training(run)
    if not run.train_on:
        return as_json({key: settings[key] for key in READ_WITHOUT_TRAINING})
    unread = {*WITHOUT_EFFECT, *(() if run.freeze else ("feature_epochs",))}
    if settings["loss"] != "contrastive":
        unread |= set(READ_BY_CONTRASTIVE)
    return as_json({key: settings[key] for key in settings if key not in unread})


def feature_settings(wildcards):
    """The settings that a frozen network's features depend on."""
    settings = json.loads(training_settings(wildcards))
    epochs = min(settings["epochs"], settings["feature_epochs"] or settings["epochs"])
    return as_json({key: settings[key] for key in FEATURE_KEYS} | {"epochs": epochs})


def all_settings(wildcards, output):
    return as_json(settings_in_training(run_of(wildcards)))


def settings_on_cpu(wildcards, output):
    """On stored features there is a linear layer to train: it needs no GPU, and asks for none."""
    return as_json(settings_in_training(run_of(wildcards)) | {"device": "cpu"})


def weights_digest(wildcards):
    """The content of a file of weights, or torchvision's name; a run's model is an input."""
    return weights_content(run_of(wildcards).weights)


@lru_cache(maxsize=None)
def weights_content(weights):
    """The same for initial weights of any kind."""
    if not weights or weights in RUNS:
        return ""
    return file_digest(weights) if Path(weights).is_file() else weights


def launcher(wildcards, output):
    """torchrun where a run wants several GPUs."""
    gpus = run_of(wildcards).settings["gpus"]
    return ["--processes", gpus] if gpus > 1 else []


def gpus_of(wildcards):
    """GPUs to ask for: none where a run is told to use the CPU, or has nothing to train on."""
    run = run_of(wildcards)
    if run.settings["device"] == "cpu" or not run.train_on:
        return 0
    return max(1, run.settings["gpus"])


def one_gpu_of(wildcards):
    """The same for a stage of one process."""
    return 0 if run_of(wildcards).settings["device"] == "cpu" else 1


def cpus_of_one(wildcards):
    """CPUs of a process with a network and of those that read for it."""
    settings = run_of(wildcards).settings
    return settings["threads"] + settings["workers"]


def cpus_of(wildcards):
    """The same for training, with a process a GPU."""
    return cpus_of_one(wildcards) * max(1, run_of(wildcards).settings["gpus"])
