"""From a class to its unit vector: the mean of its words, or its name in a sentence encoder."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from unseen.base.errors import UserError
from unseen.base.hdf5 import new_hdf5, open_hdf5, read_array, read_texts
from unseen.classes.class_embedding_file import write_class_embeddings
from unseen.classes.class_list import ClassWords, read_class_list
from unseen.classes.sentence_encoder import encode_phrases
from unseen.classes.word_vectors import Selection, read_vectors
from unseen.classes.words import phrase_of

ROUNDING = 1e-6
"""What float32 unit vectors may differ by without meaning anything."""

# The vectors of all words that the lists need, cached: later stages never open the large file


def select_vectors(word_vectors: Path, class_lists: Iterable[Path], output: Path) -> str:
    """Write the vectors of all words of the class lists; returns a summary for the log.

    The output holds `words` (W strings, sorted), `vectors` (W, D) float32 as in the file, and
    `missing` (M strings) beside `similar` (M strings, separated by spaces): the words that the
    file lacks, and words spelled like them that it has. What becomes of a class with a missing word
    is decided by `embed_classes`.
    """
    lists = [read_class_list(path) for path in class_lists]
    needed = {word for classes in lists for words in classes.values() for word in words}
    selection = read_vectors(word_vectors, needed)
    _write_selection(output, selection)
    dimension = selection.vectors.shape[1]
    return (
        f"{word_vectors}: {len(selection.words)} of {len(needed)} words, {dimension} numbers each"
        + (f"; without a vector: {', '.join(selection.missing)}" if selection.missing else "")
        + (f"; {selection.passed_over} broken words passed over" if selection.passed_over else "")
    )


def _write_selection(path: Path, selection: Selection) -> None:
    text = h5py.string_dtype()
    similar = [" ".join(words) for words in selection.missing.values()]
    with new_hdf5(path) as file:
        file.create_dataset("words", data=selection.words, dtype=text)
        file.create_dataset("vectors", data=selection.vectors)
        file.create_dataset("missing", data=list(selection.missing), dtype=text)
        file.create_dataset("similar", data=similar, dtype=text)


def _read_selection(path: Path) -> Selection:
    with open_hdf5(path, "selected word vectors") as file:
        words, missing, similar = (
            read_texts(file, name) for name in ("words", "missing", "similar")
        )
        vectors = read_array(file, "vectors", len(words), None)
        suggestions = map(str.split, similar)
        return Selection(words, vectors, dict(zip(missing, suggestions, strict=True)))


# Words to class embeddings


def embed_classes(
    class_list: Path,
    selected: Path,
    output: Path,
    *,
    missing_words: str = "error",
    raw_words: bool = False,
    random: int | None = None,
) -> str:
    """Write each class's embedding: the mean of its words' vectors at unit length (Section 4.4).

    Args:
        selected: What `select_vectors` wrote.
        missing_words: What becomes of a word without a vector: `error`, `drop_word`, or
            `drop_class`, which leaves out the classes that have one.
        raw_words: Average the vectors as they stand, not at unit length each.
        random: A control: the seed of a random unit vector for each word in place of its own, so
            that words recombine and mean nothing.

    Returns:
        A summary for the log, with the dropped words and classes that cannot be told apart.

    Raises:
        UserError: Words have no vector and are not to be dropped (all are named, with the classes
            that they stand in and the nearest words), or a class is left without any word.
    """
    classes = read_class_list(class_list)
    selection = _read_selection(selected)
    remedy = _missing_words(class_list, classes, selection)
    if remedy and missing_words == "error":
        raise UserError(
            f"{class_list}: words without a vector\n{remedy}\n"
            "       Change them in the class list, or set `missing_words: drop_word`."
        )
    vectors = dict(zip(selection.words, selection.vectors, strict=True))
    if random is not None:
        vectors = {word: random_vector(word, random, len(v)) for word, v in vectors.items()}
    if missing_words == "drop_class":
        return _embed_complete(class_list, classes, vectors, output, raw_words)
    known = {name: [word for word in words if word in vectors] for name, words in classes.items()}
    wordless = [name for name, words in known.items() if not words]
    if wordless:
        raise UserError(
            f"{class_list}: no word of these classes has a vector: {', '.join(wordless)}."
            "\n       Give them other words in the class list, or `exclude` them."
        )
    embeddings = np.stack(
        [
            _mean_of_words(name, [vectors[w] for w in words], raw_words)
            for name, words in known.items()
        ]
    )
    write_class_embeddings(output, list(classes), embeddings)
    dropped = f"; dropped words without a vector:\n{remedy}" if remedy else ""
    return f"{class_list}: {len(classes)} classes{_twins(list(classes), embeddings)}{dropped}"


def random_vector(word: str, seed: int, dimension: int) -> np.ndarray:
    """A random unit vector (D,), the same for a word and a seed whatever the other words are."""
    digest = hashlib.sha256(word.encode()).digest()
    vector: np.ndarray = np.random.default_rng([seed, *digest]).normal(size=dimension)
    vector /= np.linalg.norm(vector)
    return vector


def _embed_complete(
    class_list: Path,
    classes: ClassWords,
    vectors: Mapping[str, np.ndarray],
    output: Path,
    raw_words: bool,
) -> str:
    """Write the classes all of whose words have a vector, and say how many have not."""
    complete = {name: words for name, words in classes.items() if vectors.keys() >= {*words}}
    if not complete:
        raise UserError(f"{class_list}: no class has vectors for all its words")
    embeddings = [
        _mean_of_words(name, [vectors[word] for word in words], raw_words)
        for name, words in complete.items()
    ]
    write_class_embeddings(output, list(complete), np.stack(embeddings))
    return (
        f"{class_list}: {len(complete)} of {len(classes)} classes;"
        f" {len(classes) - len(complete)} are left out, for words without a vector"
    )


def _mean_of_words(name: str, vectors: Sequence[np.ndarray], raw: bool) -> np.ndarray:
    """One unit vector (D,) float64 of the vectors (D,) of a class name's words."""
    words = np.stack(vectors).astype(np.float64)
    if not raw:
        words /= np.linalg.norm(words, axis=1, keepdims=True)
    mean: np.ndarray = words.mean(axis=0)
    norm = np.linalg.norm(mean)
    if norm < ROUNDING:
        raise UserError(f"the vectors of the words of {name!r} cancel out: give it other words")
    mean /= norm
    return mean


def _missing_words(source: Path, classes: ClassWords, selection: Selection) -> str:
    """A line for each word without a vector: its classes, and words like it that have one."""
    homes: dict[str, list[str]] = {}
    vectors = set(selection.words)
    for name, words in classes.items():
        for word in words:
            if word not in vectors:
                homes.setdefault(word, []).append(name)
    unread = homes.keys() - selection.missing.keys()
    if unread:
        listed = ", ".join(sorted(unread))
        raise UserError(f"{source} has words that select_vectors did not look up: {listed}")
    lines = []
    for word, names in sorted(homes.items()):
        similar = selection.missing[word]
        hint = f"; near it: {', '.join(similar)}" if similar else ""
        lines.append(f"       {word} (in {', '.join(names)}){hint}")
    return "\n".join(lines)


def _twins(classes: Sequence[str], embeddings: np.ndarray) -> str:
    """A remark on classes with the same embedding, which no model can tell apart."""
    alike = np.triu(embeddings @ embeddings.T > 1 - ROUNDING, k=1)
    twins = [f"{classes[a]} = {classes[b]}" for a, b in np.argwhere(alike)]
    return f"; classes with the same embedding: {', '.join(twins)}" if twins else ""


# Phrases to class embeddings


def encode_classes(class_list: Path, encoder: Path, output: Path) -> str:
    """Write the embedding of each class's name as a phrase by the encoder in a local folder.

    The words of the list are not used.
    """
    classes = list(read_class_list(class_list))
    embeddings = encode_phrases([phrase_of(name) for name in classes], encoder)
    write_class_embeddings(output, classes, embeddings)
    return f"{class_list}: {len(classes)} classes as phrases{_twins(classes, embeddings)}"
