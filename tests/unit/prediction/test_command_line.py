"""What the command says to wrong, empty, huge, foreign and unreadable values of every option.

The table is made of the options themselves, so that a new one is tried as the others are: no value
may end in a traceback, and each refusal is one line that names the value.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_run import CAT, DESCRIBED

from unseen.base.arguments import file_name
from unseen.base.errors import run
from unseen.base.names import shown
from unseen.network.model_file import write_model
from unseen.network.zero_shot_network import build_network
from unseen.prediction.command import _main, command_parser

HUGE = "x" * 300
NAMES = {
    "empty": "",
    "blank": "  ",
    "huge": HUGE,
    "huge folder": f"{HUGE}/{HUGE}",
    "deep": "a/" * 3000,
    "below a file": "text.txt/below",
    "folder": "folder",
    "no such file": "nowhere.safetensors",
    "text": "text.txt",
    "device": "/dev/null",
    "link to itself": "loop",
    "memory": "/proc/self/mem",
    "not ASCII": "\N{LATIN SMALL LETTER U WITH DIAERESIS}\u2182",
    "no UTF-8": "\udcff",
    "control characters": "\x1b[2J",
    "address": "https://a.b/c.mp4",
    "unknown user": "~nobody-of-that-name/x",
}
NUMBERS = {
    "empty": "",
    "zero": "0",
    "negative": "-1",
    "no number": "abc",
    "not a number": "nan",
    "infinite": "1e999",
    "tiny": "1e-300",
    "huge": "9" * 25,
    "superscript": "\N{SUPERSCRIPT TWO}",
}
TEXTS = {
    "empty": "",
    "one": "one",
    "twice": "a,a",
    "huge": f"{HUGE},{HUGE}",
    "thousands": "star," * 20_000,
    "control characters": "\x1b[2J,b",
    "no UTF-8": "\udcff,a",
}
CHOICES = {"empty": "", "other case": "CPU", "huge": HUGE}
BASE = {
    "predict": {
        "--model": "model.safetensors",
        "--classes": "a,b",
        "--word-vectors": "text.txt",
        "videos": "text.txt",
    },
    "models": {},
    "fetch": {"names": "nothing-of-that-name"},
    "export": {"--model": "text.txt", "--output": "out.onnx"},
}
LAID_OUT = {"folder", "loop", "model.safetensors", "text.txt"}
BEGINNING = 20
"""So much of a value has to be in the message that refuses it, if it does not name the option."""
LAST = {
    "predict": "text.txt is no file of word vectors",
    "fetch": "nothing-of-that-name is nothing that can be fetched",
    "export": "text.txt holds no weights",
}
"""What is wrong with the rest of the command line, and said last."""
ANY_NAME = {*NAMES} - {"empty", "blank", "address"}
FOREIGN = {"not ASCII", "no UTF-8", "control characters"}
PLACES = {"device", "link to itself", "memory", "unknown user"}
FINE = {
    "predict videos": ANY_NAME - {"folder"},  # each is read in its turn
    "predict --output": {*FOREIGN, *PLACES},
    "predict --html": {*FOREIGN, *PLACES, "no such file"},
    "predict --threshold": {"zero", "tiny"},
    "predict --word-vectors": {"text"},
    "fetch --resources": ANY_NAME,
}
"""Values that are none of the mistakes."""


def kinds(action: argparse.Action) -> dict[str, str]:
    if action.choices:
        return CHOICES
    if action.type is file_name or action.dest == "model":
        return NAMES
    return TEXTS if action.type is None else NUMBERS


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Command, option, kind of value, value."""
    (commands,) = (
        action.choices
        for action in command_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    for command, parser in commands.items():
        for action in parser._actions:
            option = action.option_strings[-1] if action.option_strings else action.dest
            if action.nargs == 0:
                continue
            for kind, value in kinds(action).items():
                yield command, option, kind, value


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of this project that nobody trained."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    network = build_network("r2plus1d_10", embedding_dim=CAT.shape[1], frames=4, crop=32, width=4)
    write_model(path, network, CAT, DESCRIBED)
    return path


@pytest.fixture
def folder(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("text\n")
    shutil.copy(model, tmp_path / "model.safetensors")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


def call(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code; whatever else the command raises is a fault."""
    monkeypatch.setattr(sys, "argv", ["unseen", *arguments])
    with pytest.raises(SystemExit) as ended:
        run(_main)
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("command", "option", "kind", "value"), [pytest.param(*c, id=" ".join(c[:3])) for c in cases()]
)
def test_any_value(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    option: str,
    kind: str,
    value: str,
) -> None:
    given = BASE[command] | {option: value}
    if option == "--classes-file":
        del given["--classes"]
    places = [text for name, text in given.items() if not name.startswith("-")]
    options = [f"{name}={text}" for name, text in given.items() if name.startswith("-")]
    code = call([command, *options, *(["--", *places] if places else [])], monkeypatch)
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if "error: " in line]
    assert (code in (1, 2) and len(lines) == 1) or (command == "models" and code == 0), said
    if kind in FINE.get(f"{command} {option}", ()):
        assert LAST[command] in lines[0]
    elif lines:
        assert option.strip("-") in lines[0] or shown(value.strip())[:BEGINNING] in lines[0]
    assert all(len(line) < 2100 for line in said.splitlines())
    assert "\x1b" not in said and not any("\ud800" <= letter <= "\udfff" for letter in said)
    assert {path.name for path in folder.iterdir()} == LAID_OUT
