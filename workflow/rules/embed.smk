"""Test videos to video embeddings: one process for all test sets of a run."""


def embedding_inputs(sets):
    def inputs(wildcards):
        stores = clip_stores(sets or [dataset_of(wildcards)])
        model = f"results/models/{run_of(wildcards).name}/model.pt"
        rejected = [counted(name) for name in sets or [dataset_of(wildcards)]]
        return settled(with_digests([model, *stores]) | {"rejected": rejected})

    return inputs


def embedding_job(wildcards, output):
    """Where the network runs; the result does not depend on it."""
    settings = run_of(wildcards).settings
    return [f"--device={settings['device']}", f"--workers={settings['workers']}"]


def test_arguments(sets):
    def arguments(wildcards, output):
        names = sets or [dataset_of(wildcards)]
        tests = [f"{name}={path}" for name, path in zip(names, output[: len(names)])]
        return ["--test", *tests, "--shards", *named_stores(names)]

    return arguments


def embed_command():
    return (
        STAGE + "embed_videos.py --model {input.files[0]:q}"
        " {params.arguments:q} --snippets {params.snippets} --scheme {params.scheme}"
        " --batch-size {params.batch_size} --dtype {params.dtype} {params.job} --threads {threads}"
    )


# Runs with the same test sets share a rule, since a rule's outputs are the same for all its jobs.
for number, sets in enumerate(
    sorted({run.tests for run in RUNS.values() if run.tests})
):

    rule:
        name:
            f"embed_videos_{number}"
        input:
            unpack(embedding_inputs(sets)),
        output:
            [f"results/video_embeddings/{{run}}/{name}.h5" for name in sets],
            [f"results/video_embeddings/{{run}}/{name}.h5.sha256" for name in sets],
        log:
            "results/logs/embed_videos/{run}/test_sets.log",
        benchmark:
            "results/benchmarks/embed_videos/{run}/test_sets.tsv"
        wildcard_constraints:
            run=any_of(name for name, run in RUNS.items() if run.tests == sets),
        threads: lambda wildcards: run_of(wildcards).settings["threads"]
        resources:
            gpu=gpus_of,
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            code=code_digest("embed_videos"),
            snippets=config["testing"]["snippets"],
            scheme=config["testing"]["scheme"],
            batch_size=config["testing"]["batch_size"],
            dtype=lambda wildcards: run_of(wildcards).settings["dtype"],
            job=embedding_job,
            arguments=test_arguments(sets),
        shell:
            embed_command()


# Any other pair of run and data set, such as videos without labels, is embedded when it is asked for.
OTHER_PAIRS = [
    f"{run.name}/{name}"
    for run in RUNS.values()
    for name in LISTED
    if name not in run.tests
]


rule embed_other_videos:
    input:
        unpack(embedding_inputs(None)),
    output:
        "results/video_embeddings/{pair}.h5",
        "results/video_embeddings/{pair}.h5.sha256",
    log:
        "results/logs/embed_videos/{pair}.log",
    benchmark:
        "results/benchmarks/embed_videos/{pair}.tsv"
    wildcard_constraints:
        pair=any_of(OTHER_PAIRS),
    threads: lambda wildcards: run_of(wildcards).settings["threads"]
    resources:
        gpu=gpus_of,
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        code=code_digest("embed_videos"),
        snippets=config["testing"]["snippets"],
        scheme=config["testing"]["scheme"],
        batch_size=config["testing"]["batch_size"],
        dtype=lambda wildcards: run_of(wildcards).settings["dtype"],
        job=embedding_job,
        arguments=test_arguments(None),
    shell:
        embed_command()
