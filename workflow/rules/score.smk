"""Video embeddings to predictions and accuracy. Test labels are read here and nowhere before."""


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
        outputs=by_option,
        protocols=asks(scoring.protocols),
        seen=asks(scoring.seen),
        permute=[],
    shell:
        "{params.stage} --log {log:q} -- score_videos.py {params.arguments:q} {params.outputs:q} {params.seen}"
        " {params.permute}"


use rule score_videos as score_permuted with:
    # A check of the scoring: class embeddings dealt out anew to the classes give chance.
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
        permute=asks(scoring.permutation),


rule predict_classes:
    """Predictions for a data set that is no test set of the run: without labels, no accuracy."""
    input:
        unpack(settled(predicting.inputs)),
    output:
        paths.pair(paths.PREDICTIONS),
    log:
        paths.log("predict_classes/{pair}"),
    benchmark:
        paths.benchmark("predict_classes/{pair}")
    wildcard_constraints:
        pair=any_of(embedding.other_pairs(PLAN)),
    params:
        stage=stage,
        code=PLAN.code("predict_classes"),
        threshold=PLAN.config.overlap.threshold,
        arguments=told(predicting.arguments),
    shell:
        "{params.stage} --log {log:q} -- predict_classes.py {params.arguments:q}"
        " --threshold {params.threshold} --output {output:q}"
