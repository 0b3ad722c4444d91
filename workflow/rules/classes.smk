"""Class lists to class embeddings to the classes that training keeps."""


rule name_words:
    input:
        asks(classes.names),
    output:
        paths.CLASS_LIST,
    log:
        paths.log("name_words/{dataset}"),
    benchmark:
        paths.benchmark("name_words/{dataset}")
    params:
        stage=stage,
        code=PLAN.code("name_words"),
        exclude=asks(classes.excluded),
        lists=asks(classes.list_contents),
        arguments=told(classes.list_arguments),
    shell:
        "{params.stage} --log {log:q} -- name_words.py --dataset {wildcards.dataset:q} {params.arguments:q}"
        " --exclude {params.exclude:q} --output {output:q}"


rule select_vectors:
    input:
        vectors=word_vectors(),
        classes=expand(paths.CLASS_LIST, dataset=classes.embedded_sets(PLAN)),
    output:
        main=paths.WORD_VECTORS,
        digest=paths.digest(paths.WORD_VECTORS),
    log:
        paths.log("select_vectors"),
    benchmark:
        paths.benchmark("select_vectors")
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        stage=stage,
        code=PLAN.code("select_vectors"),
        source=asks(sources.vectors_digest),
    shell:
        "{params.stage} --log {log:q} -- select_vectors.py --vectors {input.vectors:q} --classes {input.classes:q}"
        " --output {output.main:q}"


use rule select_vectors as select_other_vectors with:
    input:
        vectors=word_vectors(),
        classes=paths.CLASS_LIST,
    output:
        main=paths.OTHER_WORD_VECTORS,
        digest=paths.digest(paths.OTHER_WORD_VECTORS),
    log:
        paths.log("select_other_vectors/{dataset}"),
    benchmark:
        paths.benchmark("select_other_vectors/{dataset}")


rule embed_classes:
    input:
        unpack(needs(classes.embedding_inputs)),
    output:
        main=paths.CLASS_EMBEDDINGS,
        digest=paths.digest(paths.CLASS_EMBEDDINGS),
    log:
        paths.log("embed_classes/{embedding}/{dataset}"),
    benchmark:
        paths.benchmark("embed_classes/{embedding}/{dataset}")
    wildcard_constraints:
        embedding=any_of(classes.embeddings(PLAN)),
    params:
        stage=stage,
        code=PLAN.code("embed_classes"),
        missing_words=asks(classes.missing_words),
        raw_words=["--raw-words"] if PLAN.config.raw_words else [],
        encoder=asks(sources.encoder_digest),
        random=asks(classes.random_seed),
        arguments=told(classes.embedding_arguments),
    shell:
        "{params.stage} --log {log:q} -- embed_classes.py --classes {input.small[0]:q} {params.arguments:q}"
        " --missing-words {params.missing_words} {params.raw_words} {params.random} --output {output.main:q}"


rule prune_classes:
    input:
        unpack(needs(classes.overlap_inputs)),
    output:
        kept=paths.KEPT,
        overlap=paths.OVERLAP,
        counts=paths.OVERLAP_COUNTS,
    log:
        paths.log("prune_classes/{run}"),
    benchmark:
        paths.benchmark("prune_classes/{run}")
    wildcard_constraints:
        run=any_of(PLAN.pruned),
    params:
        stage=stage,
        code=PLAN.code("prune_classes"),
        threshold=PLAN.config.overlap.threshold,
        arguments=asks(classes.overlap_arguments),
    shell:
        "{params.stage} --log {log:q} -- prune_classes.py {params.arguments:q} --threshold {params.threshold}"
        " --overlap {output.overlap:q} --counts {output.counts:q} --kept {output.kept:q}"


rule trace_pretraining:
    """What the weights that a run starts from have seen of its test sets."""
    input:
        unpack(needs(classes.pretraining_inputs)),
    output:
        overlap=paths.OVERLAP_PRETRAINING,
        state=paths.PRETRAINING_STATE,
    log:
        paths.log("trace_pretraining/{run}"),
    benchmark:
        paths.benchmark("trace_pretraining/{run}")
    wildcard_constraints:
        run=any_of(PLAN.config.runs),
    params:
        stage=stage,
        code=PLAN.code("trace_pretraining"),
        threshold=PLAN.config.overlap.threshold,
        arguments=asks(classes.pretraining_arguments),
    shell:
        "{params.stage} --log {log:q} -- trace_pretraining.py {params.arguments:q} --threshold {params.threshold}"
        " --overlap {output.overlap:q} --state {output.state:q}"
