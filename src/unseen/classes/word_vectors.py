"""The vectors of a few words out of a large file of word vectors, read in one pass."""

import contextlib
import difflib
import gzip
import io
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from unseen.base.errors import UserError
from unseen.base.progress import progress_bar

CHUNK = 1 << 20
"""Bytes read at a time."""
LONGEST_WORD = 1024
"""Bytes; a longer word means that the bytes between the vectors are no words."""
NEIGHBOURHOOD = 300_000
"""Suggestions come from this many first words of a file, in most files the most frequent ones."""

_GZIP = b"\x1f\x8b"
_FASTTEXT = np.int32(793712314).tobytes()
_PICKLE = b"\x80"


@dataclass
class Selection:
    """Words and their vectors as they stand in the file, and what the file lacks."""

    words: list[str]
    vectors: np.ndarray
    """(W, D) float32, in the order of `words`."""
    missing: dict[str, list[str]] = field(default_factory=dict)
    """Words without a vector, each with similarly spelled words that have one."""


def read_vectors(path: Path, needed: Collection[str]) -> Selection:
    """The vectors of the `needed` words; the words sorted.

    The word2vec binary format, gzipped or not, is read in one pass that keeps the needed words
    alone. The other formats that gensim reads (word2vec and GloVe text, fastText `.bin`, gensim's
    own `.kv`) are loaded whole. A file is recognised by its content, not by its name. Of a fastText
    model only the words in its vocabulary count as having a vector.

    Raises:
        UserError: The file is absent, damaged or of no known format, a needed word is there twice,
            or a vector holds a value that is no number.
    """
    if not path.is_file():
        raise UserError(f"word vectors {path} are not there")
    with _opened(path) as stream:
        head = stream.peek(CHUNK)[:CHUNK]
        if not head:
            raise UserError(f"word vectors {path} are an empty file")
        header = _header(head)
        if header and _is_binary(head, header[1]):
            stream.readline()
            return _read_binary(stream, path, header, needed)
    return _read_with_gensim(path, head, needed)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """The content of a file, unpacked where it is gzipped, with room to look ahead."""
    with path.open("rb", buffering=CHUNK) as file:
        zipped = file.peek(len(_GZIP)).startswith(_GZIP)
        content = gzip.GzipFile(fileobj=file) if zipped else file
        try:
            yield io.BufferedReader(content, CHUNK)  # type: ignore[arg-type]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(f"{path} is damaged or not complete: {error}") from None


def _header(head: bytes) -> tuple[int, int] | None:
    """Number of words and dimension in a word2vec file's first line; None without such a line."""
    fields = head[:LONGEST_WORD].partition(b"\n")[0].split()
    if len(fields) != 2 or not all(value.isdigit() for value in fields):
        return None
    count, dimension = map(int, fields)
    return count, dimension


def _is_binary(head: bytes, dimension: int) -> bool:
    """Whether what follows the first line of a word2vec file is the binary format, not text."""
    if head.startswith((_FASTTEXT, _PICKLE)):
        return False
    return not _is_row(head.partition(b"\n")[2], dimension)


def _is_row(text: bytes, dimension: int) -> bool:
    """Whether text begins with a line of a word and `dimension` numbers."""
    try:
        _, *values = text.partition(b"\n")[0].decode().split()
        return len([float(value) for value in values]) == dimension
    except ValueError:
        return False


# The binary format: "<words> <dimension>\n", then for each word its bytes, a space and the vector


def _read_binary(
    stream: BinaryIO, path: Path, header: tuple[int, int], needed: Collection[str]
) -> Selection:
    count, dimension = header
    if not count or not dimension:
        raise UserError(f"{path}: its first line promises {count} words of {dimension} numbers")
    found: dict[str, np.ndarray] = {}
    neighbours: list[bytes] = []
    wanted = {word.encode(): word for word in needed}
    with progress_bar(total=count, desc=f"reading {path.name}", unit="word") as bar:
        for words, buffer, offsets in _binary_records(stream, path, count, dimension):
            neighbours += words[: max(0, NEIGHBOURHOOD - len(neighbours))]
            for word, offset in zip(words, offsets, strict=True):
                if word not in wanted:
                    continue
                if wanted[word] in found:
                    raise UserError(f"{path} holds the word {wanted[word]!r} twice")
                vector = np.frombuffer(buffer, "<f4", dimension, offset)
                found[wanted[word]] = vector.astype(np.float32)
            bar.update(len(words))
    vocabulary = [word.decode(errors="replace") for word in neighbours]
    return _selection(path, found, needed, vocabulary, dimension)


def _binary_records(
    stream: BinaryIO, path: Path, count: int, dimension: int
) -> Iterator[tuple[list[bytes], bytes, list[int]]]:
    """The file piece by piece: the words in a buffer, the buffer, and where each vector begins."""
    size = 4 * dimension
    rest = b""
    while count:
        piece = stream.read(CHUNK)
        buffer = rest + piece
        words, offsets, start = [], [], 0
        while len(words) < count:
            space = buffer.find(b" ", start)
            if space < 0 or space + 1 + size > len(buffer):
                break
            words.append(buffer[start:space].lstrip(b"\n"))
            offsets.append(space + 1)
            start = space + 1 + size
        count -= len(words)
        rest = buffer[start:]
        if any(len(word) > LONGEST_WORD for word in words):
            raise UserError(
                f"{path} is damaged, or its first line is wrong: no words {size} bytes apart"
            )
        if count and not piece:
            raise UserError(f"{path} is damaged or not complete: it ends {count} words too early")
        yield words, buffer, offsets
    if (rest + stream.read(CHUNK)).strip():
        raise UserError(f"{path} is damaged: it goes on after as many words as its first line says")


# Everything else


def _read_with_gensim(path: Path, head: bytes, needed: Collection[str]) -> Selection:
    from gensim.models import KeyedVectors
    from gensim.models.fasttext import load_facebook_vectors

    header = _header(head)
    try:
        if head.startswith(_FASTTEXT):
            vectors = load_facebook_vectors(str(path))
        elif head.startswith(_PICKLE):
            vectors = KeyedVectors.load(str(path))
        else:
            vectors = KeyedVectors.load_word2vec_format(str(path), no_header=not header)
    except Exception as error:
        raise UserError(f"gensim cannot read {path} as word vectors: {error}") from None
    if not isinstance(vectors, KeyedVectors):
        raise UserError(f"{path} holds a {type(vectors).__name__}; save its word vectors (`.wv`)")
    rows, words = len(vectors.index_to_key), len(vectors.key_to_index)
    if rows != words:
        raise UserError(f"{path} holds words twice: {rows} rows, {words} words")
    found = {word: vectors[word] for word in needed if word in vectors.key_to_index}
    vocabulary = vectors.index_to_key[:NEIGHBOURHOOD]
    return _selection(path, found, needed, vocabulary, vectors.vector_size)


# What both ways have in common


def _selection(
    path: Path,
    found: dict[str, np.ndarray],
    needed: Collection[str],
    vocabulary: Sequence[str],
    dimension: int,
) -> Selection:
    words = sorted(found)
    vectors = np.zeros((len(words), dimension), np.float32)
    for row, word in enumerate(words):
        vectors[row] = found[word]
    broken = [word for word, vector in zip(words, vectors, strict=True) if not _usable(vector)]
    if broken:
        raise UserError(f"{path}: the vector is not finite or is zero: {', '.join(broken)}")
    missing = sorted(set(needed) - found.keys())
    return Selection(words, vectors, dict(zip(missing, _similar(missing, vocabulary), strict=True)))


def _usable(vector: np.ndarray) -> bool:
    return bool(np.isfinite(vector).all() and vector.any())


def _similar(missing: Sequence[str], vocabulary: Sequence[str]) -> Iterator[list[str]]:
    """For each missing word up to three words spelled like it, the nearest first."""
    shelves: dict[str, dict[str, str]] = {}
    for word in vocabulary:
        shelves.setdefault(word[:1].lower(), {}).setdefault(word.lower(), word)
    for word in missing:
        shelf = shelves.get(word[:1].lower(), {})
        near = [other for other in shelf if abs(len(other) - len(word)) <= 3]
        yield [shelf[other] for other in difflib.get_close_matches(word.lower(), near, cutoff=0.75)]
