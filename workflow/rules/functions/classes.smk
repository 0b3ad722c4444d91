"""Class lists, class embeddings, overlap: inputs and arguments."""


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


def word_vectors():
    """The word vectors: a user's file counts by name, size and time (see vectors_digest)."""
    path = config["word_vectors"]
    return path if path == FETCHED_VECTORS else ancient(path)


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


@lru_cache(maxsize=None)
def encoder_digest(embedding):
    """What lies in a sentence encoder's folder."""
    if embedding == configuration.WORD2VEC:
        return ""
    folder = Path(config["embeddings"][embedding]["encoder"])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return json_digest(
        {str(path.relative_to(folder)): file_digest(path) for path in files}
    )


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
