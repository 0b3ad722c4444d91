"""Files of word vectors as they are published: recognised by their content, read in one pass."""

import contextlib
import gzip
import io
import stat
import struct
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from unseen.base.errors import UserError
from unseen.base.progress import progress_bar

Vector = npt.NDArray[np.float32]

CHUNK = 1 << 20
"""Bytes read at a time."""
HEAD = 1 << 20
"""Bytes by which a file is recognised."""
LONGEST_WORD = 1024
"""Bytes; a longer word means that the bytes between the vectors are no words."""
LONGEST_NUMBER = 40
"""Characters of a number in text, with its separator."""
LARGEST = 10_000
"""Numbers of a vector."""
NEIGHBOURHOOD = 300_000
"""Suggestions come from this many first words of a file, in most files the most frequent ones."""
FEW_BAD = 10
"""So many bad lines, or one in a hundred, are passed over; with more a file is none of vectors."""
FASTTEXT_VERSIONS = (11, 12)
FASTTEXT_ENTRY = 9
"""Bytes after a word of the dictionary: its count and its kind."""

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"
_FASTTEXT = struct.pack("<i", 793712314)
_PICKLE = b"\x80"
CONVERT = (
    '"import sys; from gensim.models import KeyedVectors;'
    ' KeyedVectors.load(sys.argv[1]).save_word2vec_format(sys.argv[2], binary=True)"'
)
"""The program that makes a file of gensim's own a file of word2vec's."""
_STRANGERS = {
    b"BZh": "packed with bzip2: unpack it",
    b"\xfd7zXZ\0": "packed with xz: unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a rar archive: unpack it",
    b"\x89HDF": "an HDF5 file, not word vectors",
    b"\x93NUMPY": "a NumPy file, not word vectors",
}


@dataclass
class Found:
    """What a file has of the wanted words."""

    dimension: int
    vectors: dict[str, Vector] = field(default_factory=dict)
    """(D,) each."""
    vocabulary: list[str] = field(default_factory=list)
    """The first words of the file."""
    passed_over: int = 0
    """Words that are broken, or no UTF-8, and that nobody wants."""


def find_vectors(path: Path, wanted: Collection[str]) -> Found:
    """The vectors of the wanted words in a file of word vectors.

    word2vec's binary and text format, GloVe's text (no first line, words with blanks), fastText's
    `.vec` and `.bin`; each as it is, gzipped, or as the only file of a zip archive. Words are kept
    only where they are wanted. A word twice with one vector is the same word.

    Of a fastText model the words of its vocabulary alone count as having a vector: the mean of the
    word's own and of its letter groups' (Bojanowski et al. 2017, as its tools do).

    Raises:
        UserError: The file cannot be read, is damaged or of no such format, or a wanted word is
            there twice or broken.
    """
    by_bytes = {word.encode(errors="backslashreplace"): word for word in wanted}
    with _opened(path) as stream:
        head = stream.peek(HEAD)[:HEAD]
        if not head:
            raise UserError(f"word vectors {path} are an empty file")
        _refuse_strangers(path, head)
        if head.startswith(_FASTTEXT):
            return _read_fasttext(stream, path, by_bytes)
        if head.startswith(_BOM):
            stream.read(len(_BOM))
            head = head[len(_BOM) :]
        header = _header(head)
        if header is None:
            return _read_text(stream, path, None, _width(head, path), by_bytes)
        _check_header(path, *header)
        stream.readline()
        read = _read_text if _is_row(head.partition(b"\n")[2], header[1]) else _read_binary
        return read(stream, path, *header, by_bytes)


# Opening, recognising


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """The content of a file, unpacked where it is packed, with room to look ahead."""
    if not path.is_file():
        raise UserError(f"word vectors {path} are not there")
    try:
        with contextlib.ExitStack() as stack:
            file: Any = stack.enter_context(path.open("rb", buffering=HEAD))
            head = file.peek(len(_ZIP))
            content = file
            if head.startswith(_GZIP):
                content = stack.enter_context(gzip.GzipFile(fileobj=file))
            elif head.startswith(_ZIP):
                content = stack.enter_context(_only_member(path, file))
            yield io.BufferedReader(content, HEAD)
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.strerror:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None
        raise UserError(f"{path} is damaged or not complete: {error}") from None


def _only_member(path: Path, file: IO[bytes]) -> IO[bytes]:
    """The one file in a zip archive. Nothing is written, so that its name does no harm."""
    try:
        archive = zipfile.ZipFile(file)
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
    except Exception as error:  # of many kinds, by what is damaged
        raise UserError(f"{path} is damaged or not complete: {error}") from None
    if len(members) != 1:
        listed = ", ".join(repr(member.filename) for member in members[:5])
        raise UserError(
            f"{path} holds {len(members)} files, not one: unpack it and name the one to use"
            + (f" ({listed}{', ...' if len(members) > 5 else ''})" if members else "")
        )
    member = members[0]
    if member.flag_bits & 1:
        raise UserError(f"{path} needs a password: unpack it and name the file in it")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"{path} is packed in a rare way: unpack it and name the file in it")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UserError(f"{path} holds a link, {member.filename!r}, and no file")
    try:
        return archive.open(member)
    except Exception as error:
        raise UserError(f"{path} is damaged or not complete: {error}") from None


def _refuse_strangers(path: Path, head: bytes) -> None:
    if head.startswith(_PICKLE):
        raise UserError(
            f"{path} is a pickle (such as gensim's .kv), and loading one runs whatever is in it. "
            f"If you trust it, convert it once:\n       python -c {CONVERT} {quote(str(path))}"
            f" {quote(str(path.with_suffix('.w2v.bin')))}\n       and name the new file"
        )
    for signature, kind in _STRANGERS.items():
        if head.startswith(signature):
            raise UserError(f"{path} is {kind}")
    if head[257:262] == b"ustar":
        raise UserError(f"{path} is a tar archive: unpack it and name the file in it")


def _header(head: bytes) -> tuple[int, int] | None:
    """Number of words and dimension in a word2vec file's first line; None without such a line."""
    fields = head[:LONGEST_WORD].partition(b"\n")[0].split()
    if len(fields) != 2 or not all(value.isdigit() for value in fields):
        return None
    count, dimension = map(int, fields)
    return count, dimension


def _check_header(path: Path, count: int, dimension: int) -> None:
    if not count or not dimension:
        raise UserError(f"{path}: its first line promises {count} words of {dimension} numbers")
    if dimension > LARGEST:
        raise UserError(
            f"{path}: its first line promises vectors of {dimension} numbers, at most {LARGEST}"
            " are read"
        )


def _is_row(text: bytes, dimension: int) -> bool:
    """Whether text begins with a line of a word and `dimension` numbers."""
    fields = text.partition(b"\n")[0].rsplit(None, dimension)
    return len(fields) == dimension + 1 and _numbers(fields[1:]) is not None


def _numbers(fields: Sequence[bytes]) -> Vector | None:
    try:
        with np.errstate(over="ignore"):
            return np.array([float(value) for value in fields], np.float32)
    except ValueError:
        return None


def _width(head: bytes, path: Path) -> int:
    """The numbers in a line of a text without a first line, by its lines whose word has no blank.

    These are the shortest ones among the first.
    """
    lines = [line for line in head.split(b"\n")[:100] if line.strip()]
    lines = lines if len(lines) < 2 or head.count(b"\n") >= len(lines) else lines[:-1]
    dimension = min((len(line.split()) - 1 for line in lines), default=0)
    if dimension < 2 or dimension > LARGEST or not any(_is_row(line, dimension) for line in lines):
        raise UserError(
            f"{path} is no file of word vectors that is known here: word2vec (binary or text), "
            "GloVe (text), fastText (.vec or .bin), each also as .gz or .zip"
        )
    return dimension


# word2vec's binary format: "<words> <dimension>\n", then each word's bytes, a space, its vector


def _read_binary(
    stream: BinaryIO, path: Path, count: int, dimension: int, wanted: dict[bytes, str]
) -> Found:
    found = Found(dimension)
    reader = _Reader(stream, path)
    with progress_bar(total=count, desc=f"reading {path.name}", unit="word") as bar:
        for words, buffer, offsets in reader.records(count, b" ", 4 * dimension):
            _remember(found, words)
            for word, offset in zip(words, offsets, strict=True):
                if word in wanted:
                    vector = np.frombuffer(buffer, "<f4", dimension, offset).astype(np.float32)
                    _keep(found, path, wanted[word], vector)
            bar.update(len(words))
    if not reader.at_end():
        raise UserError(f"{path} is damaged: it goes on after as many words as its first line says")
    return found


def _remember(found: Found, words: list[bytes]) -> None:
    """Keep words for suggestions, and count those that are no UTF-8."""
    room = NEIGHBOURHOOD - len(found.vocabulary)
    if room > 0:
        found.vocabulary += [word.decode(errors="replace") for word in words[:room]]
    try:
        b" ".join(words).decode()
    except UnicodeDecodeError:
        found.passed_over += sum(not _is_text(word) for word in words)


def _is_text(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _keep(found: Found, path: Path, word: str, vector: Vector) -> None:
    known = found.vectors.setdefault(word, vector)
    if not np.array_equal(known, vector, equal_nan=True):
        raise UserError(f"{path} holds the word {word!r} twice, with different vectors: remove one")


class _Reader:
    """A stream's bytes: so many of them, or as records of a word and what follows it."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.stream = stream
        self.path = path
        self.rest = b""

    def records(
        self, count: int, separator: bytes, size: int
    ) -> Iterator[tuple[list[bytes], bytes, list[int]]]:
        """Records of a word, a separator and `size` bytes, piece by piece: the words in a buffer,
        the buffer, and where in it what follows each word begins."""
        while count:
            piece = self.stream.read(CHUNK)
            buffer = self.rest + piece
            words: list[bytes] = []
            offsets: list[int] = []
            start = 0
            while len(words) < count:
                end = buffer.find(separator, start)
                if end < 0 or end + 1 + size > len(buffer):
                    break
                words.append(buffer[start:end].lstrip(b"\n"))
                offsets.append(end + 1)
                start = end + 1 + size
            count -= len(words)
            self.rest = buffer[start:]
            if any(len(word) > LONGEST_WORD for word in words) or (
                len(self.rest) > LONGEST_WORD + CHUNK and self.rest.find(separator) < 0
            ):
                raise UserError(
                    f"{self.path} is damaged, or its first line is wrong: no words {size} bytes"
                    " apart"
                )
            if count and not piece:
                self._incomplete(f"it ends {count} words too early")
            yield words, buffer, offsets

    def take(self, size: int) -> bytes:
        taken, self.rest = self.rest[:size], self.rest[size:]
        if len(taken) < size:
            taken += self.stream.read(size - len(taken))
        if len(taken) < size:
            self._incomplete("it ends too early")
        return taken

    def skip(self, size: int) -> None:
        while size > 0:
            size -= len(self.take(min(size, CHUNK)))

    def at_end(self) -> bool:
        """Whether nothing but blanks follows; of a packed file this also compares its checksum."""
        return not (self.rest + self.stream.read(CHUNK)).strip()

    def _incomplete(self, how: str) -> None:
        raise UserError(f"{self.path} is damaged or not complete: {how}")


# Text: a word and its numbers in a line; word2vec's and fastText's with "<words> <dimension>" first


def _read_text(
    stream: BinaryIO, path: Path, count: int | None, dimension: int, wanted: dict[bytes, str]
) -> Found:
    """The last `dimension` fields of a line are the vector: GloVe's words may have blanks."""
    found = Found(dimension)
    longest = LONGEST_WORD + LONGEST_NUMBER * dimension
    number, rows, line = 0 if count is None else 1, 0, b"\n"
    with progress_bar(total=count, desc=f"reading {path.name}", unit="word") as bar:
        while following := stream.readline(longest + 1):
            line, number = following, number + 1
            if len(line) > longest:
                raise UserError(f"{path}, line {number}: longer than {longest} bytes")
            first = line.split(None, 1)[:1]
            if not first:
                continue
            rows += 1
            bar.update()
            word = first[0]
            if len(found.vocabulary) < NEIGHBOURHOOD:
                found.vocabulary.append(word.decode(errors="replace"))
            short = line.count(b" ") + line.count(b"\t") < dimension
            if word in wanted:
                _keep_row(found, path, number, line, word, wanted[word])
            elif short or not _is_text(word):
                found.passed_over += 1
    if not line.endswith(b"\n") and not _is_row(line, dimension):
        raise UserError(f"{path} is damaged or not complete: it ends within line {number}")
    if count is not None and rows != count:
        raise UserError(
            f"{path} is damaged or not complete: its first line promises {count} words, {rows}"
            " follow"
        )
    if found.passed_over > max(FEW_BAD, rows // 100):
        raise UserError(
            f"{path} is damaged: {found.passed_over} of {rows} lines are no word with {dimension}"
            " numbers"
        )
    return found


def _keep_row(found: Found, path: Path, number: int, line: bytes, first: bytes, word: str) -> None:
    """Keep the vector of a line that begins with a wanted word, unless that is part of a longer
    one."""
    fields = line.rsplit(None, found.dimension)
    vector = _numbers(fields[1:])
    if len(fields) == found.dimension + 1 and vector is not None:
        if fields[0].strip() == first:
            _keep(found, path, word, vector)
        return
    raise UserError(
        f"{path}, line {number}: after the word {word!r} there are no {found.dimension} numbers"
    )


# fastText's binary format: settings, dictionary, the matrix of words and letter groups, the output


def _read_fasttext(stream: BinaryIO, path: Path, wanted: dict[bytes, str]) -> Found:
    """A word's vector is the mean of its own row and of those of its letter groups."""
    reader = _Reader(stream, path)
    _, version, dimension = _unpack(reader, "<3i")
    *_, bucket, shortest, longest, _, _ = _unpack(reader, "<11id")
    entries, count, labels, _, pruned = _unpack(reader, "<3i2q")
    found = Found(dimension)
    sound = 0 < dimension <= LARGEST and count > 0 and labels >= 0 and count + labels == entries
    if version not in FASTTEXT_VERSIONS or not sound or bucket < 0 or pruned > 0:
        raise UserError(
            f"{path} is no fastText model that is known here (a .bin of version 11 or 12, not a"
            " quantized .ftz): use the .vec beside it"
        )
    places: dict[str, int] = {}
    place = 0
    for words, _, _ in reader.records(entries, b"\0", FASTTEXT_ENTRY):
        _remember(found, words[: max(0, count - place)])
        for word in words:
            if word in wanted and place < count:
                places.setdefault(wanted[word], place)
            place += 1
    owners: dict[int, list[str]] = defaultdict(list)
    for name, own in places.items():
        owners[own].append(name)
        for group in _letter_groups(name, shortest, longest, bucket):
            owners[count + group].append(name)
    means = _means_of_rows(reader, owners, (count, count + bucket), dimension, path)
    found.vectors = {word: mean.astype(np.float32) for word, mean in means.items()}
    quantized, rows, width = _unpack(reader, "<b2q")
    if quantized or rows < 0 or width < 0:
        raise UserError(f"{path} is damaged, or a quantized fastText model: use the .vec beside it")
    reader.skip(rows * width * 4)
    if not reader.at_end():
        raise UserError(f"{path} is damaged: it goes on after its last matrix")
    return found


def _unpack(reader: _Reader, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, reader.take(struct.calcsize(form)))


def _letter_groups(word: str, shortest: int, longest: int, bucket: int) -> list[int]:
    """The rows of a word's groups of letters, after those of the words."""
    if bucket == 0 or longest <= 0:
        return []
    from gensim.models.fasttext import ft_ngram_hashes

    longest = min(longest, len(word) + 2)  # with the signs of a word's begin and end
    groups: list[int] = ft_ngram_hashes(word, max(1, shortest), longest, bucket)
    return groups


def _means_of_rows(
    reader: _Reader,
    owners: Mapping[int, Sequence[str]],
    heights: tuple[int, int],
    dimension: int,
    path: Path,
) -> dict[str, npt.NDArray[np.float64]]:
    """Each word's mean (D,) of the rows that it owns, in a matrix as high as one of `heights`."""
    quantized, rows, width = _unpack(reader, "<b2q")
    if quantized or rows not in heights or width != dimension or max(owners, default=0) >= rows:
        raise UserError(f"{path} is damaged, or a quantized fastText model: use the .vec beside it")
    size = 4 * dimension
    sums: dict[str, npt.NDArray[np.float64]] = {}
    counts: Counter[str] = Counter()
    row = 0
    with progress_bar(total=rows, desc=f"reading {path.name}", unit="row") as bar:
        for wanted in sorted(owners):
            reader.skip((wanted - row) * size)
            vector = np.frombuffer(reader.take(size), "<f4").astype(np.float64)
            for word in owners[wanted]:
                sums[word] = sums.get(word, 0) + vector
                counts[word] += 1
            bar.update(wanted + 1 - row)
            row = wanted + 1
        reader.skip((rows - row) * size)
        bar.update(rows - row)
    return {word: total / counts[word] for word, total in sums.items()}
