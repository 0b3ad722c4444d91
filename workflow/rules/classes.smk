"""Class lists to class embeddings to the classes that training keeps."""


def class_names_of(wildcards):
    """The class names that a data set's files bring."""
    name = wildcards.dataset
    return {"names": f"results/class_names/{name}.txt"} if name in LISTED else {}


def class_lists(name):
    """The list of a data set's classes and words, or else all lists whose words are known."""
    own = class_list(name)
    return [own] if own else sorted((REPOSITORY / "config/classes").glob("*.tsv"))


def class_list_arguments(wildcards, input):
    """Arguments of name_words.py; where its lists lie is no part of what it depends on."""
    arguments = ["--names", input.names] if "names" in input.keys() else []
    option = "--list" if class_list(wildcards.dataset) else "--known"
    return [*arguments, option, *map(str, class_lists(wildcards.dataset))]


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
        code=code_digest("name_words"),
        exclude=lambda wildcards: DATASETS.get(wildcards.dataset, {}).get("exclude", []),
        lists=lambda wildcards: contents(class_lists(wildcards.dataset)),
        arguments=class_list_arguments,
    shell:
        STAGE + "name_words.py --dataset {wildcards.dataset:q} {params.arguments:q}"
        " --exclude {params.exclude:q} --output {output:q}"


def embedded_sets(embedding):
    """The data sets whose classes some run embeds in this way."""
    found = {}
    for run in RUNS.values():
        if run.embedding == embedding:
            sets = (
                *run.seen,
                *run.prune_against,
                *run.tests,
                *configuration.chain(run, RUNS),
            )
            found |= dict.fromkeys(sets)
    return sorted(found)


rule select_vectors:
    input:
        vectors=ancient(config["word_vectors"]),
        classes=expand(
            "results/classes/{dataset}.tsv",
            dataset=embedded_sets(configuration.WORD2VEC),
        ),
    output:
        "results/word_vectors/word2vec.h5",
        "results/word_vectors/word2vec.h5.sha256",
    log:
        "results/logs/select_vectors.log",
    benchmark:
        "results/benchmarks/select_vectors.tsv"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_digest("select_vectors"),
        source=lambda wildcards: vectors_digest(),
    shell:
        STAGE
        + "select_vectors.py --vectors {input.vectors:q} --classes {input.classes:q}"
        " --output {output[0]:q}"


rule select_other_vectors:
    """Of a data set that no run is trained or tested on: apart, so that the others stay as they are."""
    input:
        vectors=ancient(config["word_vectors"]),
        classes="results/classes/{dataset}.tsv",
    output:
        "results/word_vectors/word2vec/{dataset}.h5",
        "results/word_vectors/word2vec/{dataset}.h5.sha256",
    log:
        "results/logs/select_other_vectors/{dataset}.log",
    benchmark:
        "results/benchmarks/select_other_vectors/{dataset}.tsv"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_digest("select_vectors"),
        source=lambda wildcards: vectors_digest(),
    shell:
        STAGE
        + "select_vectors.py --vectors {input.vectors:q} --classes {input.classes:q}"
        " --output {output[0]:q}"


@lru_cache(maxsize=None)
def vectors_digest():
    """Name, size and time of the word vectors; those that are fetched are verified by content."""
    path = Path(config["word_vectors"])
    if str(path) == FETCHED_VECTORS:
        return FETCHED_VECTORS
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def embedding_source(wildcards):
    if wildcards.embedding != configuration.WORD2VEC:
        return []
    if wildcards.dataset in embedded_sets(configuration.WORD2VEC):
        return ["results/word_vectors/word2vec.h5"]
    return [f"results/word_vectors/word2vec/{wildcards.dataset}.h5"]


def embedding_arguments(wildcards, input):
    if wildcards.embedding == configuration.WORD2VEC:
        return (
            ["--vectors", input.vectors[0]]
            if not isinstance(input.vectors, str)
            else [
                "--vectors",
                input.vectors,
            ]
        )
    return ["--encoder", config["embeddings"][wildcards.embedding]["encoder"]]


rule embed_classes:
    input:
        classes="results/classes/{dataset}.tsv",
        vectors=embedding_source,
    output:
        "results/class_embeddings/{embedding}/{dataset}.h5",
        "results/class_embeddings/{embedding}/{dataset}.h5.sha256",
    log:
        "results/logs/embed_classes/{embedding}/{dataset}.log",
    benchmark:
        "results/benchmarks/embed_classes/{embedding}/{dataset}.tsv"
    wildcard_constraints:
        embedding=any_of([configuration.WORD2VEC, *config["embeddings"]]),
    params:
        code=code_digest("embed_classes"),
        missing_words=config["missing_words"],
        raw_words=["--raw-words"] if config["raw_words"] else [],
        arguments=embedding_arguments,
    shell:
        STAGE + "embed_classes.py --classes {input.classes:q} {params.arguments:q}"
        " --missing-words {params.missing_words} {params.raw_words} --output {output[0]:q}"


PRUNED = [name for name, run in RUNS.items() if run.name == run.base and run.seen]


def class_embeddings_of(wildcards):
    """Class embeddings of a run's training sets, unseen sets and pretraining sets."""
    run = run_of(wildcards)
    sets = (*run.seen, *run.prune_against, *configuration.chain(run, RUNS))
    return [class_embeddings(run, name) for name in sets]


def class_embeddings(run, dataset):
    return f"results/class_embeddings/{run.embedding}/{dataset}.h5"


def overlap_arguments(wildcards):
    run = run_of(wildcards)
    pattern = f"results/class_embeddings/{run.embedding}/{{}}.h5"
    arguments = ["--train", *named(run.seen, pattern)]
    if run.prune_against:
        arguments += ["--unseen", *named(run.prune_against, pattern)]
    pretraining = configuration.chain(run, RUNS)
    if pretraining:
        arguments += ["--pretraining", *named(pretraining, pattern)]
    if config["overlap"]["exclude_classes"]:
        arguments += ["--exclude", *config["overlap"]["exclude_classes"]]
    return arguments


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
        code=code_digest("prune_classes"),
        threshold=config["overlap"]["threshold"],
        arguments=overlap_arguments,
    shell:
        STAGE + "prune_classes.py {params.arguments:q} --threshold {params.threshold}"
        " --overlap {output.overlap:q} --counts {output.counts:q}"
        " --pretraining-overlap {output.pretraining:q} --kept {output.kept:q}"
