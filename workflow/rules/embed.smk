"""Test videos to video embeddings: one process for all test sets of a run."""

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
        threads: cpus_of_one
        resources:
            gpu=one_gpu_of,
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            stage=stage,
            code=code_digest("embed_videos"),
            snippets=config["testing"]["snippets"],
            scheme=config["testing"]["scheme"],
            batch_size=config["testing"]["batch_size"],
            model=lambda wildcards, output: f"results/models/{run_of(wildcards).name}/model.pt",
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
    threads: cpus_of_one
    resources:
        gpu=one_gpu_of,
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        stage=stage,
        code=code_digest("embed_videos"),
        snippets=config["testing"]["snippets"],
        scheme=config["testing"]["scheme"],
        batch_size=config["testing"]["batch_size"],
        model=lambda wildcards, output: f"results/models/{run_of(wildcards).name}/model.pt",
        dtype=lambda wildcards: run_of(wildcards).settings["dtype"],
        job=embedding_job,
        arguments=test_arguments(None),
    shell:
        embed_command()
