"""Reading a few words out of a large file: our readers against gensim, and damaged files."""

import gzip
import io
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fuzzing import TRIES, assert_survives
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model
from hypothesis import given
from hypothesis import strategies as st

from unseen.base.errors import UserError
from unseen.classes import vector_files
from unseen.classes.word_vectors import Selection, read_vectors

WORDS = st.lists(
    st.text(st.characters(exclude_characters=" \n", exclude_categories=["Cs"]), min_size=1),
    min_size=1,
    max_size=20,
    unique=True,
)


def vectors_of(count: int, dimension: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)


def binary(words: list[str], vectors: np.ndarray, *, newline: bytes = b"\n") -> bytes:
    """A file as the original tool writes it (GoogleNews has no line ends after the vectors)."""
    rows = zip(words, vectors, strict=True)
    body = b"".join(word.encode() + b" " + vector.tobytes() + newline for word, vector in rows)
    return b"%d %d\n" % vectors.shape + body


def write(folder: Path, content: bytes, name: str = "vectors.bin") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors")


@given(
    words=WORDS,
    dimension=st.integers(1, 40),
    newline=st.sampled_from([b"", b"\n"]),
    zipped=st.booleans(),
    chunk=st.sampled_from([64, 100, 1 << 20]),
)
def test_the_parser_reads_what_gensim_reads(folder, words, dimension, newline, zipped, chunk):
    vectors = vectors_of(len(words), dimension)
    content = binary(words, vectors, newline=newline)
    path = write(folder, content)
    theirs = KeyedVectors.load_word2vec_format(str(path), binary=True)
    if zipped:
        path = write(folder, gzip.compress(content), "vectors.gz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_files, "CHUNK", chunk)
        ours = read_vectors(path, words)
    assert ours.words == sorted(words)
    assert ours.missing == {}
    np.testing.assert_array_equal(ours.vectors, theirs[ours.words])


def text(words: list[str], vectors: np.ndarray, *, header: bool, separator: str = " ") -> bytes:
    """word2vec's and fastText's text with its first line, or GloVe's without one."""
    rows = zip(words, vectors, strict=True)
    lines = [separator.join([word, *map(str, vector)]) for word, vector in rows]
    first = [f"{vectors.shape[0]} {vectors.shape[1]}"] if header else []
    return "".join(f"{line}\n" for line in [*first, *lines]).encode()


def zipped(content: bytes, *names: str) -> bytes:
    """An archive with the content under each of the names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("vectors.txt",):
            archive.writestr(name, content)
    return stream.getvalue()


def fasttext(folder: Path, **options) -> tuple[bytes, FastText]:
    sentences = [["ride", "bike"], ["ride", "horse"], ["übung", "bike"]]
    options = {"vector_size": 4, "min_count": 1, "bucket": 50, "seed": 1, "workers": 1} | options
    model = FastText(sentences, **options)
    save_facebook_model(model, str(folder / "saved.bin"))
    return (folder / "saved.bin").read_bytes(), model


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zip": zipped,
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_text_is_read_as_people_have_it(tmp_path, packing, header, separator, bom):
    words = [",", ". . .", "bike", "at name@domain.com", "Skyjet", "\N{NO-BREAK SPACE}", "."]
    vectors = vectors_of(7)
    content = bom + text(words, vectors, header=header, separator=separator)
    path = write(tmp_path, PACKINGS[packing](content))
    selection = read_vectors(path, ["bike", "Skyjet", "skyjet", ".", "at", "\N{NO-BREAK SPACE}"])
    assert selection.words == [".", "Skyjet", "bike", "\N{NO-BREAK SPACE}"]
    np.testing.assert_array_equal(selection.vectors, vectors[[6, 4, 2, 5]])
    assert selection.missing == {"at": ["at"], "skyjet": ["Skyjet"]}
    assert selection.passed_over == 0


@pytest.mark.parametrize("save", ["a.txt", "a.vec.gz"])
def test_what_gensim_writes_as_text_is_read(tmp_path, save):
    words = ["bike", "horse", "Skyjet"]
    vectors = KeyedVectors(5)
    vectors.add_vectors(words, vectors_of(3))
    vectors.save_word2vec_format(str(tmp_path / save))
    selection = read_vectors(tmp_path / save, ["bike", "Skyjet"])
    np.testing.assert_allclose(selection.vectors, vectors_of(3)[[2, 0]], rtol=1e-6)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("options", [{}, {"bucket": 0}, {"min_n": 1, "max_n": 9}, {"max_n": 0}])
def test_of_a_fasttext_model_only_the_vocabulary_counts(tmp_path, packing, options):
    content, model = fasttext(tmp_path, **options)
    path = write(tmp_path, PACKINGS[packing](content))
    selection = read_vectors(path, ["ride", "rides", "übung"])
    assert selection.words == ["ride", "übung"]
    expected = [model.wv["ride"], model.wv["übung"]]
    np.testing.assert_allclose(selection.vectors, expected, rtol=1e-5)
    assert selection.missing == {"rides": ["ride"]}


@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_a_pickle_is_refused_unread_with_the_command_that_converts_it(tmp_path, packing):
    class Crafted:
        def __reduce__(self):
            return Path.touch, (tmp_path / "marker",)

    content = pickle.dumps(Crafted())
    path = write(tmp_path, PACKINGS[packing](content), "vec tors.kv")
    with pytest.raises(
        UserError, match=r"(?s)vec tors\.kv is a pickle.*KeyedVectors\.load"
    ) as error:
        read_vectors(path, ["a"])
    assert not (tmp_path / "marker").exists()
    if packing == "plain":  # the command does what it says
        vectors = KeyedVectors(5)
        vectors.add_vectors(["a", "b"], vectors_of(2))
        vectors.save(str(path))
        command = next(line for line in str(error.value).splitlines() if "python -c" in line)
        command = command.strip().replace("python", sys.executable, 1)
        subprocess.run(command, shell=True, check=True)
        made = read_vectors(tmp_path / "vec tors.w2v.bin", ["b"])
        np.testing.assert_array_equal(made.vectors, vectors_of(2)[1:])


def test_one_broken_word_that_nobody_needs_is_counted(tmp_path):
    content = b"3 2\na 1 2\n\xff\xfe 3 4\nc 5\n"
    selection = read_vectors(write(tmp_path, content), ["a"])
    assert selection.words == ["a"] and selection.passed_over == 2
    with pytest.raises(UserError, match=r"vectors.bin, line 4: after the word 'c' there are no 2"):
        read_vectors(write(tmp_path, content), ["a", "c"])
    content = binary(["a", "b"], vectors_of(2)).replace(b"b ", b"\xff ")
    assert read_vectors(write(tmp_path, content), ["a"]).passed_over == 1


def test_many_broken_words_are_a_damaged_file(tmp_path):
    content = b"".join(b"w%d 1 2\n" % n for n in range(100)) + b"broken 1\n" * 11
    with pytest.raises(UserError, match="damaged: 11 of 111 lines are no word with 2 numbers"):
        read_vectors(write(tmp_path, content), ["w1"])


def test_a_word_twice_is_one_unless_its_vectors_differ(tmp_path):
    twice = text(["a", "b", "b"], vectors_of(3)[[0, 1, 1]], header=True)
    assert read_vectors(write(tmp_path, twice), ["b"]).words == ["b"]
    differing = text(["a", "b", "b"], vectors_of(3), header=True)
    assert read_vectors(write(tmp_path, differing), ["a"]).words == ["a"]
    with pytest.raises(UserError, match=r"holds the word 'b' twice, with different vectors"):
        read_vectors(write(tmp_path, differing), ["b"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (zipped(b"2 2\na 1 2\nb 3 4\n", "50d.txt", "100d.txt"), "2 files.*'50d.txt', '100d.txt'"),
        (zipped(b"", "folder/"), "holds 0 files"),
        (zipped(b"2 2\na 1 2\nb 3 4\n")[:-30], "damaged or not complete"),
        (gzip.compress(b"x" * 257 + b"ustar"), "a tar archive"),
        (b"BZh91AY", "packed with bzip2"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
        (b"2 20000\na 1", "promises vectors of 20000 numbers, at most 10000"),
        (b"a 1 2\n" + b"b" * 10_000, "line 2: longer than 1104 bytes"),
        (b"3 2\n" + b"b" * 5_000_000, "no words 8 bytes apart"),
        (b"word count\nthe 5\nof 4\n", "no file of word vectors"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",  # archives hold the time
)
def test_what_is_no_file_of_vectors_is_told_by_its_kind(tmp_path, content, complaint):
    with pytest.raises(UserError, match=rf"vectors\.bin.*{complaint}"):
        read_vectors(write(tmp_path, content), ["a", "b"])


def test_a_link_in_an_archive_is_not_followed(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        member = zipfile.ZipInfo("vectors.txt")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(UserError, match=r"holds a link, 'vectors\.txt'"):
        read_vectors(write(tmp_path, stream.getvalue()), ["a"])


FORMATS: dict[str, Callable[[list[str], np.ndarray], bytes]] = {
    "binary": binary,
    "text": lambda words, vectors: text(words, vectors, header=True),
    "glove": lambda words, vectors: text(words, vectors, header=False),
}


def is_selection(selection: Selection) -> None:
    assert selection.vectors.shape[0] == len(selection.words)
    assert np.isfinite(selection.vectors).all()
    assert {*selection.words, *selection.missing} == {"w1", "w17", "übung", "absent"}


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", [*FORMATS, "fasttext"])
def test_a_damaged_file_is_read_or_refused(tmp_path, form, packing, tries):
    if form == "fasttext":
        content, _ = fasttext(tmp_path)
        (tmp_path / "saved.bin").unlink()
    else:
        words = [*(f"w{n}" for n in range(40)), "übung"]
        content = FORMATS[form](words, vectors_of(41))
    needed = ["w1", "w17", "übung", "absent"]
    assert_survives(
        lambda path: read_vectors(path, needed),
        PACKINGS[packing](content),
        tmp_path / "vectors.bin",
        tries=tries,
        check=is_selection,
    )


def test_missing_words_come_with_words_spelled_like_them(tmp_path):
    words = ["Photobomb", "photo", "juggle", "juggler", "zebra"]
    path = write(tmp_path, binary(words, vectors_of(5)))
    selection = read_vectors(path, ["zebra", "photobombing", "jugggle", "xylophone"])
    assert selection.words == ["zebra"]
    assert selection.missing == {
        "jugggle": ["juggle", "juggler"],
        "photobombing": ["Photobomb"],
        "xylophone": [],
    }


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("end", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, zipped, end):
    content = binary([f"w{n}" for n in range(100)], vectors_of(100), newline=b"")
    content = gzip.compress(content) if zipped else content
    path = write(tmp_path, content[: int(len(content) * end)])
    with pytest.raises(UserError, match=r"vectors\.bin is damaged or not complete"):
        read_vectors(path, ["w3"])


def test_a_damaged_gzip_file_is_refused(tmp_path):
    content = bytearray(gzip.compress(binary(["a", "b"], vectors_of(2, 3000))))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(UserError, match="damaged"):
        read_vectors(write(tmp_path, bytes(content)), ["a"])


@pytest.mark.parametrize("claimed", [b"100 4", b"100 6", b"100 300", b"99 5", b"101 5"])
def test_a_header_that_does_not_fit_is_refused(tmp_path, claimed):
    content = binary([f"w{n}" for n in range(100)], vectors_of(100))
    path = write(tmp_path, claimed + content[content.index(b"\n") :])
    with pytest.raises(UserError, match=r"vectors\.bin"):
        read_vectors(path, ["w3"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty file"),
        (b"0 300\n", "promises 0 words"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "no file of word vectors"),
        (b"\x80\x04\x95nonsense", "is a pickle"),
        (b"2 3\na 1 2 3\nb 1 2\n", "line 3: after the word 'b' there are no 3 numbers"),
        (b"2 3\na 1 2 3\nb 1 2 x\n", "line 3: after the word 'b' there are no 3 numbers"),
        (b"2 3\na 1 2 3\n", "promises 2 words, 1 follow"),
        (b"a 1 2 3\nc 1 2", "ends within line 2"),
        (binary(["a", "b", "a"], vectors_of(3)), "holds the word 'a' twice"),
        (binary(["a", "b"], np.array([[1, np.nan], [1, 2]], np.float32)), "not finite.*: a"),
        (binary(["a", "b"], np.array([[1, 2], [0, 0]], np.float32)), "is zero: b"),
        (binary(["a", "b"], np.array([[1, 2], [np.inf, 0]], np.float32)), "not finite.*: b"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path, content, complaint):
    with pytest.raises(UserError, match=rf"vectors\.bin.*{complaint}|{complaint}.*vectors\.bin"):
        read_vectors(write(tmp_path, content), ["a", "b"])


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.bin are not there"):
        read_vectors(tmp_path / "nowhere.bin", ["a"])


def fasttext_of(words: list[str], vectors: np.ndarray) -> bytes:
    """A model as fastText writes it, without letter groups."""
    count, dimension = vectors.shape
    settings = struct.pack("<2i12id", 793712314, 12, dimension, *[0] * 11, 0.0)
    entries = b"".join(word.encode() + b"\0" + struct.pack("<qb", 1, 0) for word in words)
    dictionary = struct.pack("<3i2q", count, count, 0, count, -1) + entries
    matrix = struct.pack("<b2q", 0, count, dimension) + vectors.tobytes()
    return settings + dictionary + matrix + struct.pack("<b2q", 0, 0, dimension)


@pytest.mark.parametrize("form", [*FORMATS, "fasttext"])
def test_memory_does_not_grow_with_the_file(tmp_path, form):
    words = [f"w{n}" for n in range(20_000)]
    content = {**FORMATS, "fasttext": fasttext_of}[form](words, vectors_of(20_000, 300))
    path = write(tmp_path, content)
    assert path.stat().st_size > 24_000_000
    tracemalloc.start()
    selection = read_vectors(path, words[::1000])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert selection.words[3] == "w11000"
    np.testing.assert_array_equal(selection.vectors[3], vectors_of(20_000, 300)[11_000])
    assert peak < 16_000_000
