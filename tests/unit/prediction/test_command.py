"""The command line itself: help with examples, completion, lists of files, quiet."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import SOURCE

from unseen.base.errors import UserError
from unseen.prediction import command


def test_every_command_has_examples_that_are_understood() -> None:
    """Each line of an example that begins with the command is parsed by it."""
    parser = command.command_parser()
    (commands,) = (one.choices for one in parser._actions if isinstance(one.choices, dict))
    for one in (parser, *commands.values()):
        shown = one.format_help().split("examples:\n")[1].split("\n\n")[0].replace("\\\n", "")
        lines = [line.split("#")[0] for line in shown.splitlines() if "print-compl" not in line]
        assert len(lines) >= 2
        for line in lines:
            words = subprocess.run(
                ["bash", "-c", f'printf "%s\\n" {line[line.index("unseen") + 6 :]}'],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.splitlines()
            assert parser.parse_args(words).call


def test_the_shell_completes() -> None:
    pytest.importorskip("shtab")
    if not shutil.which("bash"):
        pytest.skip("no bash")
    script = subprocess.run(
        [sys.executable, "-m", "unseen.prediction.command", "--print-completion", "bash"],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for words, wanted in (
        (["unseen", "pre"], "predict"),
        (["unseen", "predict", "--leave"], "--leave-out-seen"),
        (["unseen", "predict", "--format", "js"], "json"),
    ):
        asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _shtab_unseen"
        done = subprocess.run(
            ["bash", "-c", f'{script}\n{asked}\necho "${{COMPREPLY[@]}}"'],
            capture_output=True,
            text=True,
        )
        assert done.stdout.split() == [wanted], done.stderr


@pytest.mark.parametrize("text", [b"b c.mp4\n\nd\xff.mp4\n", b"b c.mp4\0d\xff.mp4\0"])
def test_names_of_videos_come_from_standard_input(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    named = [*command._named([Path("a.mp4"), command.SCREEN])]
    assert [os.fsencode(path) for path in named] == [b"a.mp4", b"b c.mp4", b"d\xff.mp4"]


def test_an_empty_list_of_videos_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    with pytest.raises(UserError, match="standard input names no video"):
        list(command._named([command.SCREEN]))


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "")
    monkeypatch.setattr(command, "_predict", lambda options: 0)
    words = ["unseen", "predict", "--quiet", "--model", "m", "--classes", "a", "v.mp4"]
    monkeypatch.setattr(sys, "argv", words)
    assert command._main() == 0 and os.environ["TQDM_DISABLE"] == "1"
    shown = {}
    for quiet in ("1", ""):
        done = subprocess.run(
            [sys.executable, "-c", PROGRESS],
            env={"PYTHONPATH": str(SOURCE)} | ({"TQDM_DISABLE": quiet} if quiet else {}),
            capture_output=True,
            text=True,
            check=True,
        )
        shown[quiet] = done.stderr
    assert shown["1"] == "" and "2/2" in shown[""]


PROGRESS = """
from unseen.base.progress import progress
list(progress([1, 2], desc="predicting"))
"""
