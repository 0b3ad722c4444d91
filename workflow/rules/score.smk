"""Video embeddings to predictions and accuracy. Test labels are read here and nowhere before."""

TEST_PAIRS = [f"{run.name}/{name}" for run in RUNS.values() for name in run.tests]


rule score_videos:
    input:
        unpack(scoring_inputs),
    output:
        metrics="results/metrics/{pair}.csv",
        predictions="results/predictions/{pair}.csv",
        per_class="results/metrics/{pair}_per_class.csv",
        confusions="results/metrics/{pair}_confusions.csv",
    log:
        "results/logs/score_videos/{pair}.log",
    benchmark:
        "results/benchmarks/score_videos/{pair}.tsv"
    wildcard_constraints:
        pair=any_of(TEST_PAIRS),
    params:
        stage=stage,
        code=code_digest("score_videos"),
        arguments=scoring_arguments,
        seen=is_seen,
    shell:
        score_command(
            "--metrics {output.metrics:q} --per-class {output.per_class:q}"
            " --confusions {output.confusions:q} {params.seen}"
        )


rule score_permuted:
    """A control: the same videos against class embeddings dealt out anew to the classes."""
    input:
        unpack(scoring_inputs),
    output:
        metrics="results/metrics/{run}-permuted/{dataset}.csv",
        predictions="results/metrics/{run}-permuted/{dataset}_predictions.csv",
    log:
        "results/logs/score_permuted/{run}/{dataset}.log",
    benchmark:
        "results/benchmarks/score_permuted/{run}/{dataset}.tsv"
    wildcard_constraints:
        run=any_of(RUNS),
        dataset=any_of(LISTED),
    params:
        stage=stage,
        code=code_digest("score_videos"),
        arguments=scoring_arguments,
        seed=lambda wildcards: run_of(wildcards).seed,
        seen=is_seen,
    shell:
        score_command(
            "--metrics {output.metrics:q} --permute {params.seed} {params.seen}"
        )


rule predict_classes:
    """Predictions for a data set that is no test set of the run: without labels, no accuracy."""
    input:
        unpack(scoring_inputs),
    output:
        predictions="results/predictions/{pair}.csv",
    log:
        "results/logs/predict_classes/{pair}.log",
    benchmark:
        "results/benchmarks/predict_classes/{pair}.tsv"
    wildcard_constraints:
        pair=any_of(OTHER_PAIRS),
    params:
        stage=stage,
        code=code_digest("score_videos"),
        arguments=scoring_arguments,
    shell:
        score_command()
