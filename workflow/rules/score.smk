"""Video embeddings to predictions and accuracy. Test labels are read here and nowhere before."""

SCORE = (
    "{params.stage} --log {log:q} -- score_videos.py {params.arguments:q}"
    " --predictions {output.predictions:q}"
)


rule score_videos:
    input:
        unpack(settled(scoring.inputs)),
    output:
        metrics=paths.pair(paths.METRICS),
        predictions=paths.pair(paths.PREDICTIONS),
        per_class=paths.pair(paths.PER_CLASS),
        confusions=paths.pair(paths.CONFUSIONS),
    log:
        paths.log("score_videos/{pair}"),
    benchmark:
        paths.benchmark("score_videos/{pair}")
    wildcard_constraints:
        pair=any_of(scoring.test_pairs(PLAN)),
    params:
        stage=stage,
        code=PLAN.code("score_videos"),
        arguments=told(scoring.arguments),
        seen=asks(scoring.seen),
    shell:
        f"{SCORE} --metrics {{output.metrics:q}} --per-class {{output.per_class:q}}"
        " --confusions {output.confusions:q} {params.seen}"


rule score_permuted:
    """A check of the scoring: class embeddings dealt out anew to the classes give chance."""
    input:
        unpack(settled(scoring.inputs)),
    output:
        metrics=paths.PERMUTED_METRICS,
        predictions=paths.PERMUTED_PREDICTIONS,
    log:
        paths.log("score_permuted/{run}/{dataset}"),
    benchmark:
        paths.benchmark("score_permuted/{run}/{dataset}")
    wildcard_constraints:
        run=any_of(PLAN.runs),
        dataset=any_of(PLAN.listed),
    params:
        stage=stage,
        code=PLAN.code("score_videos"),
        arguments=told(scoring.arguments),
        seed=asks(training.seed),
        seen=asks(scoring.seen),
    shell:
        f"{SCORE} --metrics {{output.metrics:q}} --permute {{params.seed}} {{params.seen}}"


rule predict_classes:
    """Predictions for a data set that is no test set of the run: without labels, no accuracy."""
    input:
        unpack(settled(scoring.inputs)),
    output:
        predictions=paths.pair(paths.PREDICTIONS),
    log:
        paths.log("predict_classes/{pair}"),
    benchmark:
        paths.benchmark("predict_classes/{pair}")
    wildcard_constraints:
        pair=any_of(embedding.other_pairs(PLAN)),
    params:
        stage=stage,
        code=PLAN.code("score_videos"),
        arguments=told(scoring.arguments),
    shell:
        SCORE
