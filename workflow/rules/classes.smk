"""Class lists to class embeddings to the classes that training keeps."""


rule name_words:
    input:
        unpack(class_names_of),
    output:
        "results/classes/{dataset}.tsv",
    log:
        "results/logs/name_words/{dataset}.log",
    benchmark:
        "results/benchmarks/name_words/{dataset}.tsv"
    params:
        stage=stage,
        code=code_digest("name_words"),
        exclude=lambda wildcards: DATASETS.get(wildcards.dataset, {}).get("exclude", []),
        lists=lambda wildcards: contents(class_lists(wildcards.dataset)),
        arguments=class_list_arguments,
    shell:
        "{params.stage} --log {log:q} -- name_words.py --dataset {wildcards.dataset:q} {params.arguments:q}"
        " --exclude {params.exclude:q} --output {output:q}"


rule select_vectors:
    input:
        vectors=word_vectors(),
        classes=expand(
            "results/classes/{dataset}.tsv",
            dataset=embedded_sets(configuration.WORD2VEC),
        ),
    output:
        main="results/word_vectors/word2vec.h5",
        digest="results/word_vectors/word2vec.h5.sha256",
    log:
        "results/logs/select_vectors.log",
    benchmark:
        "results/benchmarks/select_vectors.tsv"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        stage=stage,
        code=code_digest("select_vectors"),
        source=lambda wildcards: vectors_digest(),
    shell:
        "{params.stage} --log {log:q} -- select_vectors.py --vectors {input.vectors:q} --classes {input.classes:q}"
        " --output {output.main:q}"


rule select_other_vectors:
    """Of a data set that no run is trained or tested on: apart, so that the others stay as they are."""
    input:
        vectors=word_vectors(),
        classes="results/classes/{dataset}.tsv",
    output:
        main="results/word_vectors/word2vec/{dataset}.h5",
        digest="results/word_vectors/word2vec/{dataset}.h5.sha256",
    log:
        "results/logs/select_other_vectors/{dataset}.log",
    benchmark:
        "results/benchmarks/select_other_vectors/{dataset}.tsv"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        stage=stage,
        code=code_digest("select_vectors"),
        source=lambda wildcards: vectors_digest(),
    shell:
        "{params.stage} --log {log:q} -- select_vectors.py --vectors {input.vectors:q} --classes {input.classes:q}"
        " --output {output.main:q}"


rule embed_classes:
    input:
        classes="results/classes/{dataset}.tsv",
        vectors=embedding_source,
    output:
        main="results/class_embeddings/{embedding}/{dataset}.h5",
        digest="results/class_embeddings/{embedding}/{dataset}.h5.sha256",
    log:
        "results/logs/embed_classes/{embedding}/{dataset}.log",
    benchmark:
        "results/benchmarks/embed_classes/{embedding}/{dataset}.tsv"
    wildcard_constraints:
        embedding=any_of([configuration.WORD2VEC, *config["embeddings"]]),
    params:
        stage=stage,
        code=code_digest("embed_classes"),
        missing_words=config["missing_words"],
        raw_words=["--raw-words"] if config["raw_words"] else [],
        encoder=lambda wildcards: encoder_digest(wildcards.embedding),
        arguments=embedding_arguments,
    shell:
        "{params.stage} --log {log:q} -- embed_classes.py --classes {input.classes:q} {params.arguments:q}"
        " --missing-words {params.missing_words} {params.raw_words} --output {output.main:q}"


PRUNED = [name for name, run in RUNS.items() if run.name == run.base and run.seen]


rule prune_classes:
    input:
        lambda wildcards: with_digests(class_embeddings_of(wildcards))["files"],
        lambda wildcards: with_digests(class_embeddings_of(wildcards))["digests"],
    output:
        kept="results/kept/{run}.txt",
        overlap="results/overlap/{run}.csv",
        counts="results/overlap/{run}_counts.csv",
        pretraining="results/overlap/{run}_pretraining.csv",
    log:
        "results/logs/prune_classes/{run}.log",
    benchmark:
        "results/benchmarks/prune_classes/{run}.tsv"
    wildcard_constraints:
        run=any_of(PRUNED),
    params:
        stage=stage,
        code=code_digest("prune_classes"),
        threshold=config["overlap"]["threshold"],
        arguments=overlap_arguments,
    shell:
        "{params.stage} --log {log:q} -- prune_classes.py {params.arguments:q} --threshold {params.threshold}"
        " --overlap {output.overlap:q} --counts {output.counts:q}"
        " --pretraining-overlap {output.pretraining:q} --kept {output.kept:q}"
