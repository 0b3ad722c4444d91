"""What a run trains on: the kept classes, photographs' clips, nested fractions."""

from dataclasses import replace

import numpy as np
import pytest
from small_run import write_small_run

from unseen.base.tabular import write_rows
from unseen.classes.class_embedding_file import read_class_embeddings
from unseen.network.labelled_clips import TrainingSources, select_training_set, stored_clips


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> TrainingSources:
    return write_small_run(tmp_path_factory.mktemp("sources"))


def test_only_kept_classes_are_trained_on(sources):
    data = select_training_set(stored_clips(sources.shards), sources)
    assert "grey sky" not in data.classes and len(data.classes) == 7
    left_out = {name for (_, name), label in zip(data.names, data.labels, strict=True) if label < 0}
    assert left_out == {"grey0", "grey1"}
    names, vectors = read_class_embeddings(sources.class_embeddings["colours"])
    for name, vector in zip(data.classes, data.class_embeddings, strict=True):
        assert np.array_equal(vector, vectors[names.index(name)])


def test_clips_can_be_left_out(sources, tmp_path):
    names = stored_clips(sources.shards)
    whole = select_training_set(names, sources)
    dataset, clip = names[whole.clips[0]]
    rows = [{"dataset": dataset, "clip_id": clip}, {"dataset": "another", "clip_id": "x"}]
    write_rows(tmp_path / "without.csv", ["dataset", "clip_id"], rows)
    less = select_training_set(names, replace(sources, without=tmp_path / "without.csv"))
    assert set(whole.clips) - set(less.clips) == {whole.clips[0]}
    assert less.classes == whole.classes


def test_clips_of_a_photograph_take_its_class(sources):
    names = [("colours", "blue0#0"), ("colours", "blue0#11"), ("colours", "nothing#0")]
    data = select_training_set(names, sources)
    assert [data.classes[label] for label in data.labels[:2]] == ["blue sea", "blue sea"]
    assert data.labels[2] == -1


def test_a_fraction_of_the_clips_is_nested_in_a_larger_one(sources):
    names = stored_clips(sources.shards)
    half, quarter = (
        set(select_training_set(names, sources, subset={"fraction": share}).clips)
        for share in (0.5, 0.25)
    )
    assert len(half) == 7 and len(quarter) == 4 and quarter < half
