"""Clips and class embeddings to models."""


rule select_classes:
    """A subset of a run's kept classes, for the sweeps of Figures 4 to 6."""
    input:
        unpack(settled(classes.subset_inputs)),
    output:
        paths.KEPT,
    log:
        paths.log("select_classes/{run}"),
    benchmark:
        paths.benchmark("select_classes/{run}")
    wildcard_constraints:
        run=any_of(PLAN.subsets),
    params:
        stage=stage,
        code=PLAN.code("select_classes"),
        subset=asks(classes.subset),
        seed=asks(training.seed),
        kept=told(classes.subset_classes),
        embeddings=told(classes.subset_embeddings),
    shell:
        "{params.stage} --log {log:q} -- select_classes.py --kept {params.kept:q} --class-embeddings {params.embeddings:q}"
        " --subset {params.subset:q} --seed {params.seed} --output {output:q}"


rule train:
    input:
        unpack(settled(training.inputs)),
    output:
        model=paths.MODEL,
        digest=paths.digest(paths.MODEL),
        history=paths.TRAINING_LOG,
    log:
        paths.log("train/{run}"),
    benchmark:
        paths.benchmark("train/{run}")
    wildcard_constraints:
        run=any_of(PLAN.trained),
    threads: asks(training.cpus)
    resources:
        gpu=asks(training.gpus),
        nodes=asks(training.nodes),
        tasks=asks(training.nodes),
        mem_mb=lambda wildcards, attempt: 16000 * min(attempt, 3),
        runtime=1440,
    params:
        stage=stage,
        code=PLAN.code("train"),
        decisive=asks(training.settings_read),
        settings=told(training.all_settings),
        weights=asks(training.weights),
        arguments=told(training.arguments),
        launcher=told(training.launcher),
    shell:
        "{params.stage} --log {log:q} -- train.py {params.arguments:q} --settings {params.settings:q}"
        " {params.launcher} --digest {params.code} --output {output.model:q} --log {output.history:q}"


rule extract_features:
    """The features of a frozen network, computed once."""
    input:
        unpack(settled(training.inputs)),
    output:
        main=paths.FEATURES,
        digest=paths.digest(paths.FEATURES),
    log:
        paths.log("extract_features/{run}"),
    benchmark:
        paths.benchmark("extract_features/{run}")
    wildcard_constraints:
        run=any_of(PLAN.frozen),
    threads: asks(training.cpus_of_one)
    resources:
        gpu=asks(training.one_gpu),
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 1440 * attempt,
    params:
        stage=stage,
        code=PLAN.code("extract_features"),
        decisive=asks(training.feature_settings),
        settings=told(training.all_settings),
        weights=asks(training.weights),
        arguments=told(training.arguments),
    shell:
        "{params.stage} --log {log:q} -- extract_features.py {params.arguments:q} --settings {params.settings:q}"
        " --output {output.main:q}"


use rule train as train_frozen with:
    # The semantic encoder on the stored features of a frozen visual encoder.
    input:
        unpack(settled(training.frozen_inputs)),
    wildcard_constraints:
        run=any_of(PLAN.frozen),
    threads: asks(training.threads)
    resources:
        gpu=0,
        mem_mb=lambda wildcards, attempt: 8000 * min(attempt, 3),
        runtime=240,
    params:
        settings=told(training.settings_on_cpu),
        arguments=told(training.arguments_on_features),
        launcher=[],
