"""Classes that somebody asks a finished model for: their vectors, and which of them it has seen."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unseen.base.errors import UserError
from unseen.base.names import shown
from unseen.classes import class_list
from unseen.classes.class_list import ClassWords
from unseen.classes.overlap import distances
from unseen.classes.sentence_encoder import encode_phrases
from unseen.classes.word_vectors import Selection, read_vectors
from unseen.classes.words import FUNCTION_WORDS, phrase_of, split_name, words_of

Vectors = npt.NDArray[np.float32]
Wanted = Mapping[str, Sequence[str]]
"""Class names, each with its words; without words these follow from the name."""

OVERLAP_THRESHOLD = 0.05
"""Of Eq. 3, as in the paper: a class no farther than this from a training class has been seen."""
SAME_VECTOR = 1e-3
"""Cosine distance up to which a training class counts as embedded by the same word vectors."""
ENOUGH = 0.5
"""Share of the training classes that must come out alike; lists may give some other words."""
LISTED = 20
"""So many words without a vector are named."""


@dataclass(frozen=True)
class Trained:
    """The classes that a model was trained on.

    `names` (C) and `vectors` (C, D) are those of its own training, `earlier` the names that its
    initial weights were trained on, by the source of these (None where that is not known);
    `embedding` is the name and `digest` the digest of what made the vectors.
    """

    names: list[str]
    vectors: Vectors
    embedding: str
    digest: str
    earlier: Mapping[str, list[str] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """The training class that a requested class coincides with, and its cosine distance."""

    name: str
    distance: float
    source: str


@dataclass(frozen=True)
class Requested:
    """Requested classes: `names` (U), unit `vectors` (U, D), the words that were used for each
    (none where the model's own vector was taken), which are `seen`, and remarks for the user."""

    names: list[str]
    vectors: Vectors
    words: list[list[str]]
    seen: dict[str, Seen]
    notes: list[str]


# What is asked for


def wanted_classes(
    classes: str | Iterable[str] | Mapping[str, str | Sequence[str]],
) -> dict[str, list[str]]:
    """Classes in any form in which Python has them: a text with commas between, names, or a mapping
    from names to the words that embed them (one text, or one each).

    Raises:
        TypeError: for what is no text where a name or words should be, as in a mapping from numbers
            to names.
        UserError: as `parse_classes`.
    """
    if isinstance(classes, str):
        return parse_classes(classes)
    if isinstance(classes, bytes) or not isinstance(classes, Iterable):
        raise TypeError(f"classes are names, not {type(classes).__name__}: {classes!r:.60}")
    given = [*classes.items()] if isinstance(classes, Mapping) else [(name, "") for name in classes]
    found: dict[str, list[str]] = {}
    for name, words in given:
        if not isinstance(name, str):
            raise TypeError(
                f"a class is a text, not {type(name).__name__}: {name!r:.60}"
                " (a mapping goes from names to words)"
            )
        parts = words.split() if isinstance(words, str) else words
        if not (isinstance(parts, Sequence) and all(isinstance(word, str) for word in parts)):
            raise TypeError(
                f"the words of the class {name!r:.60} are texts, not {type(words).__name__}:"
                f" {words!r:.60} (a mapping goes from names to words)"
            )
        found[name] = [*parts]
    _check_names([name for name, _ in given])
    return found


def parse_classes(text: str) -> dict[str, list[str]]:
    """Class names separated by commas.

    Raises UserError for fewer than two, one that is there twice, and control characters.

    >>> parse_classes("riding a horse, surfing")
    {'riding a horse': [], 'surfing': []}
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    is_file = False
    with suppress(OSError):  # longer than any file's name
        is_file = len(names) == 1 and Path(names[0]).is_file()
    if is_file:
        raise UserError(f"{names[0]} is a file: name it by --classes-file")
    _check_names(names)
    return {name: [] for name in names}


def _check_names(names: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UserError(f"the classes: the class {repeated[0]!r} is there twice")
    for name in names:
        if not name.strip():
            raise UserError(f"the classes: {name!r} is no name")
        if shown(name) != name:
            raise UserError(f"the classes: a control character in {name!r}")
    if len(names) < 2:
        only = f" ({names[0]!r} is one)" if names else ""
        raise UserError(
            "the classes: at least two classes are needed to choose from, with commas between"
            + only
        )


def read_classes(path: Path) -> dict[str, list[str]]:
    """The classes of a file, in any of the forms of `unseen.classes.class_list.read_classes`."""
    classes = class_list.read_classes(path)
    if len(classes) < 2:
        raise UserError(f"{path}: at least two classes are needed to choose from, one a line")
    return classes


# Their vectors


def embed_requested(
    wanted: Wanted,
    trained: Trained,
    word_vectors: Path | None,
    *,
    threshold: float = OVERLAP_THRESHOLD,
) -> Requested:
    """Give each wanted class its vector, and mark those within `threshold` of a training class.

    A name that the model was trained on keeps the model's own vector; all others need
    `word_vectors`: the file (or the folder of the sentence encoder) that the model was trained
    with. Words are read as they were for the training classes, which also tell whether it is
    the same file.

    Raises:
        UserError: There are new words and no vectors, a word has no vector, or the vectors have
            another dimension than the model's.
    """
    stored = {tuple(split_name(name)): row for row, name in enumerate(trained.names)}
    own = {
        name: stored[tuple(split_name(name))]
        for name, words in wanted.items()
        if not words and tuple(split_name(name)) in stored
    }
    new = {name: words for name, words in wanted.items() if name not in own}
    notes: list[str] = []
    made: dict[str, tuple[list[str], Vectors]] = {}
    earlier: dict[str, tuple[list[str], Vectors]] = {}
    if new and word_vectors is None:
        raise UserError(
            f"new classes need the vectors that the model was trained with"
            f" ({trained.embedding}, digest {trained.digest[:12]}): give their file with"
            f" --word-vectors. New are: {', '.join(new)}"
        )
    if word_vectors is not None and (new or any(trained.earlier.values())):
        if word_vectors.is_dir():
            made, earlier = _encode(new, trained, word_vectors, notes)
        else:
            made, earlier = _look_up(new, trained, word_vectors, notes)
    vectors = np.stack(
        [trained.vectors[own[name]] if name in own else made[name][1] for name in wanted]
    )
    words = [[] if name in own else made[name][0] for name in wanted]
    notes += same_words(wanted, words)
    seen = _seen(list(wanted), vectors, trained, earlier, threshold, notes)
    return Requested(list(wanted), vectors, words, seen, notes)


def embed_beside(
    wanted: Wanted,
    sources: ClassWords,
    source: str,
    word_vectors: Path,
    *,
    threshold: float = OVERLAP_THRESHOLD,
) -> tuple[Requested, dict[str, Vectors]]:
    """The same for published weights, which bring no vectors: those of `sources`, the weights' own
    classes with their words, are made of the same file. Returns them too, (D,) each, without the
    classes that have no vector.

    Those within `threshold` of one of the weights' classes, or of its name, are marked; `source`
    is the name of the weights.

    Raises:
        UserError: A word of a wanted class has no vector, or no source class has one.
    """
    stored = {tuple(split_name(name)): name for name in sources}
    notes: list[str] = []
    if word_vectors.is_dir():
        phrases = {name: " ".join(words) or phrase_of(name) for name, words in wanted.items()}
        own = {name: phrase_of(name) for name in sources}
        rows = iter(encode_phrases([*phrases.values(), *own.values()], word_vectors))
        made = {name: (phrase.split(), next(rows)) for name, phrase in phrases.items()}
        beside = {name: (phrase.split(), next(rows)) for name, phrase in own.items()}
    else:
        known_words = {
            name: list(words) or sources.get(stored.get(tuple(split_name(name)), ""), [])
            for name, words in wanted.items()
        }
        needed = {word for name, words in known_words.items() for word in words or _forms(name)}
        source_words = {word for words in sources.values() for word in words}
        selection = read_vectors(word_vectors, needed, source_words)
        vectors = dict(zip(selection.words, selection.vectors, strict=True))
        made = _embed_words(known_words, vectors, READINGS[0], selection, word_vectors)
        beside = {
            name: (words, vector)
            for name, words in sources.items()
            if (vector := _mean(words, vectors, READINGS[0])) is not None
        }
    if not beside:
        raise UserError(f"{word_vectors} has vectors for none of the classes of {source}")
    words = [made[name][0] for name in wanted]
    notes += same_words(wanted, words)
    matrix = np.stack([made[name][1] for name in wanted])
    nothing = Trained([], np.zeros((0, matrix.shape[1]), np.float32), "", "", {source: [*sources]})
    seen = _seen(list(wanted), matrix, nothing, beside, threshold, notes)
    requested = Requested(list(wanted), matrix, words, seen, notes)
    return requested, {name: vector for name, (_, vector) in beside.items()}


def same_words(names: Iterable[str], words: Sequence[Sequence[str]]) -> list[str]:
    """A note on classes that the same words embed, so that none is ever nearer than the other."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, used in zip(names, words, strict=True):
        groups[tuple(sorted(used or split_name(name)))].append(name)
    return [
        f"the classes {', '.join(map(repr, same))} have the same words ({' '.join(key)}), so that"
        " nothing tells them apart: keep one, or give them other words"
        for key, same in groups.items()
        if len(same) > 1
    ]


def _encode(
    new: Wanted, trained: Trained, encoder: Path, notes: list[str]
) -> tuple[dict[str, tuple[list[str], Vectors]], dict[str, tuple[list[str], Vectors]]]:
    """Vectors of whole phrases; the words of the new classes are those of the phrase."""
    phrases = {name: " ".join(words) or phrase_of(name) for name, words in new.items()}
    before = {name: phrase_of(name) for names in trained.earlier.values() for name in names or ()}
    probe = {name: phrase_of(name) for name in trained.names}
    texts = [*phrases.values(), *before.values(), *probe.values()]
    vectors = _of_dimension(encode_phrases(texts, encoder), trained, encoder)
    rows = iter(vectors)
    made = {name: (phrase.split(), next(rows)) for name, phrase in phrases.items()}
    earlier = {name: (phrase.split(), next(rows)) for name, phrase in before.items()}
    alike = _alike(dict(zip(probe, rows, strict=True)), trained)
    _warn_if_strange(alike, trained, encoder, notes)
    return made, earlier


@dataclass(frozen=True)
class _Reading:
    """How a name becomes a vector: verbs in their first form or not, words at unit length or
    not."""

    verb_forms: bool
    unit_words: bool

    def words(self, name: str) -> list[str]:
        return words_of(name) if self.verb_forms else _parts(name)


READINGS = [_Reading(verbs, unit) for unit in (True, False) for verbs in (True, False)]


def _parts(name: str) -> list[str]:
    """The words of a name as they stand, in step with `words_of`."""
    return [part for part in phrase_of(name).split() if part not in FUNCTION_WORDS]


def _look_up(
    new: Wanted, trained: Trained, path: Path, notes: list[str]
) -> tuple[dict[str, tuple[list[str], Vectors]], dict[str, tuple[list[str], Vectors]]]:
    """Means of word vectors, read in the way that gives most training classes their own vector."""
    before = [name for names in trained.earlier.values() for name in names or ()]
    forms = {form for name in [*new, *trained.names, *before] for form in _forms(name)}
    given = {word for words in new.values() for word in words}
    selection = read_vectors(path, forms | given)
    _of_dimension(selection.vectors, trained, path)
    known = dict(zip(selection.words, selection.vectors, strict=True))

    counts = {}
    for reading in READINGS:
        probe = {name: _mean(reading.words(name), known, reading) for name in trained.names}
        counts[reading] = _alike(probe, trained)
    reading = max(READINGS, key=lambda way: counts[way])
    _warn_if_strange(counts[reading], trained, path, notes)

    made = _embed_words(new, known, reading, selection, path)
    earlier = {}
    for name in before:
        used = _known_forms(name, known, reading)
        vector = _mean(used, known, reading)
        if vector is not None:
            earlier[name] = used, vector
    return made, earlier


def _embed_words(
    wanted: Wanted,
    known: Mapping[str, Vectors],
    reading: _Reading,
    selection: Selection,
    path: Path,
) -> dict[str, tuple[list[str], Vectors]]:
    """The words and the vector of each class. Raises UserError that names all words without one."""
    made: dict[str, tuple[list[str], Vectors]] = {}
    missing: dict[str, list[str]] = defaultdict(list)
    for name, words in wanted.items():
        used = list(words) or _known_forms(name, known, reading)
        for word in used:
            if word not in known:
                missing[word].append(name)
        vector = _mean(used, known, reading)
        if vector is not None:
            made[name] = used, vector
        elif not missing:
            raise UserError(f"the class {name!r} has no words: write `name<TAB>words` in a file")
    if missing:
        raise UserError(_missing_message(missing, selection, path))
    return made


def _forms(name: str) -> Iterable[str]:
    """All that a name's words may be called in the file: verb form, as it stands, capitalised."""
    parts = _parts(name)
    return [*words_of(name), *parts, *map(str.capitalize, parts)]


def _known_forms(name: str, known: Mapping[str, Vectors], reading: _Reading) -> list[str]:
    """A name's words, each in the first form that has a vector; the reading's own if none has."""
    used = []
    for word, part in zip(reading.words(name), _parts(name), strict=True):
        forms = [word, part, part.capitalize()]
        used.append(next((form for form in forms if form in known), word))
    return used


def _mean(words: Sequence[str], known: Mapping[str, Vectors], reading: _Reading) -> Vectors | None:
    """The unit vector (D,) of a class's words; None where one of them has none."""
    if not words or any(word not in known for word in words):
        return None
    rows = np.stack([known[word] for word in words]).astype(np.float64)
    if reading.unit_words:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    mean = rows.mean(axis=0)
    length = np.linalg.norm(mean)
    if length < 1e-6:
        raise UserError(f"the vectors of {' '.join(words)!r} cancel out: give other words")
    vector: Vectors = (mean / length).astype(np.float32)
    return vector


def _alike(probe: Mapping[str, Vectors | None], trained: Trained) -> int:
    """How many training classes come out as the model has them."""
    pairs = zip(trained.names, trained.vectors, strict=True)
    return sum(
        (vector := probe[name]) is not None and 1 - float(vector @ own) <= SAME_VECTOR
        for name, own in pairs
    )


def _warn_if_strange(alike: int, trained: Trained, source: Path, notes: list[str]) -> None:
    if alike < ENOUGH * len(trained.names):
        notes.append(
            f"{source} is not what the model was trained with ({trained.embedding}, digest"
            f" {trained.digest[:12]}): only {alike} of its {len(trained.names)} training classes"
            f" have the same vector there. Expect wrong answers."
        )


def _of_dimension(vectors: Vectors, trained: Trained, source: Path) -> Vectors:
    own = trained.vectors.shape[1]
    if len(vectors) and vectors.shape[1] != own:
        raise UserError(
            f"{source} has vectors of {vectors.shape[1]} numbers, the model was trained with"
            f" {own} ({trained.embedding}): give the file that it was trained with"
        )
    return vectors


def _missing_message(missing: Mapping[str, Sequence[str]], selection: Selection, path: Path) -> str:
    """A line for each word without a vector: its classes, and words like it that have one."""
    lines = [f"{path} has no vector for"]
    for word, homes in sorted(missing.items())[:LISTED]:
        classes = ", ".join(map(repr, homes[:3])) + (", ..." if len(homes) > 3 else "")
        similar = ", ".join(selection.missing.get(word, []))
        lines.append(f"{word!r} (in {classes})" + (f"; near it: {similar}" if similar else ""))
    if len(missing) > LISTED:
        lines.append(f"and {len(missing) - LISTED} other words")
    lines.append(
        "Name the classes otherwise, or give them words that have a vector: in a classes file,"
        " `name<TAB>words`."
    )
    return "\n       ".join(lines)


# What the model has seen


def _seen(
    names: list[str],
    vectors: Vectors,
    trained: Trained,
    earlier: Mapping[str, tuple[list[str], Vectors]],
    threshold: float,
    notes: list[str],
) -> dict[str, Seen]:
    """Each seen class's nearest class of the training, or else of what came before it."""
    seen: dict[str, Seen] = {}
    sources = {"training": (trained.names, trained.vectors)}
    for source, classes in trained.earlier.items():
        if classes is None:
            notes.append(f"what {source} was trained on is not known: its classes are not marked")
            continue
        found = [name for name in classes if name in earlier]
        if len(found) < len(classes):
            notes.append(
                f"{len(classes) - len(found)} of the {len(classes)} classes that {source} was"
                f" trained on have no vector and are compared by name alone"
            )
        if found:
            sources[source] = found, np.stack([earlier[name][1] for name in found])
        by_name = {tuple(split_name(name)): name for name in classes}
        for name in names:
            same = by_name.get(tuple(split_name(name)))
            if same is not None:
                seen.setdefault(name, Seen(same, 0.0, source))
    for source, (classes, rows) in sources.items():
        if not classes:
            continue
        matrix = distances(vectors, rows)
        for name, row in zip(names, matrix, strict=True):
            place = int(row.argmin())
            if row[place] <= threshold:
                seen.setdefault(name, Seen(classes[place], float(row[place]), source))
    return seen
