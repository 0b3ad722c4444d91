"""`unseen fetch`: what it knows, where it goes, what is said when it cannot be had."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from unseen.base.downloads import Source
from unseen.base.errors import UserError
from unseen.prediction import command
from unseen.prediction.fetch import ITEMS, READ, Item, fetch, fetch_item, fetch_model


def archive(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo("SUN397/a/b.jpg")
        info.size = 3
        file.addfile(info, io.BytesIO(b"jpg"))
    return path


def test_an_archive_is_unpacked_under_its_name(tmp_path: Path) -> None:
    source = archive(tmp_path / "set.tar.gz")
    item = Item(Source(source.as_uri(), size=source.stat().st_size), "datasets", True)
    said = fetch_item("set", item, tmp_path / "resources")
    assert (tmp_path / "resources/datasets/set/SUN397/a/b.jpg").read_bytes() == b"jpg"
    assert "checked by its size alone" in said
    assert "1 files" in said
    assert fetch_item("set", item, tmp_path / "resources").endswith("is there")


def test_word_vectors_stay_as_they_come(tmp_path: Path) -> None:
    """Their readers take the archive."""
    with zipfile.ZipFile(tmp_path / "words.zip", "w") as file:
        file.writestr("words.txt", "a 1 2\n")
    item = Item(Source((tmp_path / "words.zip").as_uri()), "word_vectors")
    said = fetch_item("words", item, tmp_path / "resources")
    assert (tmp_path / "resources/word_vectors/words.zip").is_file()
    assert "not checked: the publisher names neither size nor digest" in said


def test_unknown_names_are_refused_with_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean ucf101\?.*known are googlenews"):
        fetch("ucf1o1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_item_is_in_the_commands_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.command_parser().parse_args(["fetch", "--help"])
    shown = capsys.readouterr().out.split()
    assert {name for name in ITEMS if f"{name}," not in shown and name not in shown} == set()


def test_without_internet_a_models_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"cannot be fetched .*copy the model's folder there"):
        fetch_model("openai/clip-vit-base-patch32", tmp_path / "clip")


def test_no_pickle_and_no_code_is_fetched() -> None:
    names = ["pytorch_model.bin", "modeling.py", "flax_model.msgpack", "tf_model.h5"]
    assert not any(Path(name).match(pattern) for name in names for pattern in READ)
    assert any(Path("model.safetensors").match(pattern) for pattern in READ)
