"""Words to class embeddings: the formula, words without a vector, and what the stages write."""

from pathlib import Path

import numpy as np
import pytest

from unseen.base.errors import UserError
from unseen.base.files import write_digest
from unseen.classes.class_embedding_file import read_class_embeddings, write_class_embeddings
from unseen.classes.embed_classes import embed_classes, encode_classes, select_vectors

VECTORS = {
    "ride": [3.0, 0.0, 4.0],
    "bike": [0.0, 2.0, 0.0],
    "horse": [1.0, 1.0, 1.0],
    "walk": [-3.0, 0.0, -4.0],
}


@pytest.fixture
def word_vectors(tmp_path) -> Path:
    path = tmp_path / "vectors.txt"
    rows = [f"{word} {' '.join(map(str, row))}\n" for word, row in VECTORS.items()]
    path.write_text(f"{len(VECTORS)} 3\n" + "".join(rows))
    return path


def class_list(folder: Path, rows: dict[str, str]) -> Path:
    path = folder / "classes.tsv"
    path.write_text("class\twords\n" + "".join(f"{key}\t{row}\n" for key, row in rows.items()))
    return path


@pytest.fixture
def embed(tmp_path, word_vectors):
    """Both stages on a class list; returns classes, embeddings and the summary."""

    def run(rows: dict[str, str], **options) -> tuple[list[str], np.ndarray, str]:
        classes = class_list(tmp_path, rows)
        select_vectors(word_vectors, [classes], tmp_path / "selected.h5")
        summary = embed_classes(
            classes, tmp_path / "selected.h5", tmp_path / "classes.h5", **options
        )
        return *read_class_embeddings(tmp_path / "classes.h5"), summary

    return run


def test_words_count_alike_at_unit_length(embed):
    classes, embeddings, _ = embed({"RidingBike": "ride bike", "HorseRiding": "horse"})
    assert classes == ["RidingBike", "HorseRiding"]
    assert embeddings.dtype == np.float32
    half = np.sqrt(0.5)
    np.testing.assert_allclose(embeddings[0], [0.6 * half, half, 0.8 * half], rtol=1e-6)
    np.testing.assert_allclose(embeddings[1], [3**-0.5] * 3, rtol=1e-6)


def test_random_words_recombine_and_mean_nothing(embed):
    """The same word has the same vector in every list, whatever else is in it, and not its own."""
    _, first, _ = embed({"a": "ride bike", "b": "ride", "c": "bike"}, random=0)
    _, alone, _ = embed({"b": "ride", "h": "horse"}, random=0)
    _, other, _ = embed({"b": "ride"}, random=1)
    assert first.shape == (3, 3)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, rtol=1e-6)
    between = first[1] + first[2]
    np.testing.assert_allclose(first[0], between / np.linalg.norm(between), rtol=1e-5)
    np.testing.assert_array_equal(first[1], alone[0])
    assert not np.allclose(first[1], other[0], atol=0.1)
    assert not np.allclose(first[1], [0.6, 0, 0.8], atol=0.1)


def test_raw_words_count_by_their_length(embed):
    _, embeddings, _ = embed({"RidingBike": "ride bike"}, raw_words=True)
    np.testing.assert_allclose(embeddings[0], np.array([3, 2, 4]) / 29**0.5, rtol=1e-6)


def test_all_words_without_a_vector_are_refused_at_once(embed):
    rows = {"a": "ride bkie", "b": "horse bkie", "c": "zebra walk"}
    with pytest.raises(UserError) as error:
        embed(rows)
    assert "bkie (in a, b); near it: bike" in str(error.value)
    assert "zebra (in c)" in str(error.value)
    assert "missing_words: drop_word" in str(error.value)


def test_dropped_words_are_told(embed):
    _, dropped, summary = embed({"a": "ride bkie", "b": "horse"}, missing_words="drop_word")
    _, without, _ = embed({"a": "ride", "b": "horse"})
    np.testing.assert_array_equal(dropped, without)
    assert "bkie (in a)" in summary


def test_a_class_left_without_words_is_always_refused(embed):
    with pytest.raises(UserError, match="no word of these classes has a vector: b, c"):
        embed({"a": "ride bkie", "b": "bkie", "c": "zebra"}, missing_words="drop_word")


def test_words_that_cancel_out_are_refused(embed):
    with pytest.raises(UserError, match="'a' cancel out"):
        embed({"a": "ride walk"})


def test_classes_that_no_model_can_tell_apart_are_told(embed):
    *_, summary = embed({"Biking": "bike ride", "ride_bike": "ride bike", "walk": "walk"})
    assert "same embedding: Biking = ride_bike" in summary


def test_a_changed_list_needs_its_words_looked_up(embed, tmp_path):
    embed({"a": "ride"})
    with pytest.raises(UserError, match="did not look up: bike"):
        embed_classes(
            class_list(tmp_path, {"a": "bike"}), tmp_path / "selected.h5", tmp_path / "out.h5"
        )


def test_the_files_are_the_same_bytes_each_time(embed, tmp_path):
    def digests() -> list[str]:
        embed({"Übung": "ride bkie", "b": "horse"}, missing_words="drop_word")
        return [(tmp_path / f"{name}.h5.sha256").read_text() for name in ("selected", "classes")]

    assert digests() == digests()


def test_class_embeddings_come_back_as_written(tmp_path):
    embeddings = np.eye(3, dtype=np.float32)
    write_class_embeddings(tmp_path / "a.h5", ["x y", "ü", "z"], embeddings)
    classes, read = read_class_embeddings(tmp_path / "a.h5")
    assert classes == ["x y", "ü", "z"]
    np.testing.assert_array_equal(read, embeddings)
    (tmp_path / "b.h5").write_text("no HDF5")
    write_digest(tmp_path / "b.h5")
    with pytest.raises(UserError, match=r"b\.h5 is no file of class embeddings"):
        read_class_embeddings(tmp_path / "b.h5")


def test_an_encoder_is_a_folder_in_the_known_format(tmp_path):
    classes = class_list(tmp_path, {"a": "b"})
    with pytest.raises(UserError, match="no folder in the sentence-transformers format"):
        encode_classes(classes, tmp_path, tmp_path / "out.h5")
