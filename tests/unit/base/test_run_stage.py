"""Stages run alone on their output, their log holds what they print, and Slurm's limit is told."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from repository import SCRIPTS

from unseen.base.run_stage import STORED, link_copies, time_left


def stage(folder: Path, script: str, output: str = "out.txt", **how) -> subprocess.Popen:
    path = folder / "script.py"
    path.write_text(script)
    command = [sys.executable, str(SCRIPTS / "run_stage.py"), "--log", "logs/stage.log"]
    command += ["--", str(path), output]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how
    )


def test_the_log_holds_stdout_and_stderr(tmp_path):
    process = stage(tmp_path, "import sys\nprint('one')\nprint('two', file=sys.stderr)\n")
    printed, _ = process.communicate()
    assert process.returncode == 0
    assert sorted(printed.split()) == ["one", "two"]
    assert (tmp_path / "logs/stage.log").read_text() == "one\ntwo\n"


def test_exit_codes_and_tracebacks(tmp_path):
    process = stage(tmp_path, "import sys\nsys.exit(75)\n")
    process.communicate()
    assert process.returncode == 75
    process = stage(tmp_path, "raise RuntimeError('a fault of the program')\n")
    printed, _ = process.communicate()
    assert process.returncode == 1
    assert "Traceback" in printed
    assert "a fault of the program" in (tmp_path / "logs/stage.log").read_text()


def test_a_users_mistake_has_no_traceback(tmp_path):
    script = (
        "from unseen.base.errors import UserError, run\n"
        "def main():\n    raise UserError('classes.tsv, row 3: no words')\n"
        "run(main)\n"
    )
    process = stage(tmp_path, script)
    printed, _ = process.communicate()
    assert process.returncode == 1
    assert printed == "error: classes.tsv, row 3: no words\n"


def test_of_a_progress_bar_the_log_takes_lines(tmp_path):
    script = "import sys\nfor n in range(50):\n    sys.stderr.write(f'\\r{n} of 50')\n"
    stage(tmp_path, script).communicate()
    assert (tmp_path / "logs/stage.log").read_text() == "0 of 50\n"


def test_two_stages_never_write_one_output_at_once(tmp_path):
    slow = (
        "import sys, time, pathlib\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "assert not pathlib.Path('busy').exists()\n"
        "pathlib.Path('busy').touch()\n"
        "while not pathlib.Path('go').exists():\n    time.sleep(0.02)\n"
        "pathlib.Path('busy').unlink()\n"
        "path.write_text('done')\n"
    )
    first = stage(tmp_path, slow)
    while not (tmp_path / "busy").exists() and first.poll() is None:
        time.sleep(0.02)
    second = stage(tmp_path, slow)
    assert f"waiting for process {first.pid}" in second.stdout.readline()
    (tmp_path / "go").touch()
    for process in (first, second):
        process.communicate()
        assert process.returncode == 0


def slurm(folder: Path, left: str) -> dict[str, str]:
    """The environment of a job that has `left` at first, as squeue shows it, and 0:59 later."""
    squeue = folder / "bin" / "squeue"
    squeue.parent.mkdir()
    (folder / "left").write_text(left)
    squeue.write_text(f"#!/bin/sh\ncat '{folder}/left'; echo 0:59 > '{folder}/left'\n")
    squeue.chmod(0o755)
    return os.environ | {
        "PATH": f"{squeue.parent}{os.pathsep}{os.environ['PATH']}",
        "SLURM_JOB_ID": "1",
    }


TIMES = {"0:09": 9, "59:58": 3598, "1:00:00": 3600, "2-03:04:05": 183845}
NO_TIMES = {"UNLIMITED": None, "INVALID": None, "": None}


@pytest.mark.parametrize(("shown", "seconds"), (TIMES | NO_TIMES).items())
def test_the_time_left_of_a_slurm_job(tmp_path, monkeypatch, shown, seconds):
    monkeypatch.setenv("PATH", slurm(tmp_path, shown)["PATH"])
    assert time_left("1") == seconds


def test_without_slurm_no_time_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert time_left("1") is None


LISTENING = """
import time
from unseen.network.signals import STOPPED, stop_signals
with stop_signals() as told:
    end = time.monotonic() + 30
    while not told and time.monotonic() < end:
        time.sleep(0.01)
raise SystemExit(STOPPED if told else 0)
"""


@pytest.mark.parametrize("left", ["0:30", "1:02"])
def test_a_script_that_listens_is_told_before_the_limit(tmp_path, left):
    process = stage(tmp_path, LISTENING, env=slurm(tmp_path, left))
    process.communicate()
    assert process.returncode == 75


def test_a_script_that_does_not_listen_goes_on(tmp_path):
    script = "import time\ntime.sleep(2)\nprint('done')\n"
    process = stage(tmp_path, script, env=slurm(tmp_path, "0:30"))
    printed, _ = process.communicate()
    assert (process.returncode, printed) == (0, "done\n")


def test_a_job_finds_the_copies_of_a_storage_by_plain_names(tmp_path):
    copies, work = tmp_path / "copies", tmp_path / "work"
    work.mkdir()
    for _ in range(2):  # a second job finds the links there
        link_copies(copies, work)
    for name in STORED:
        (copies / name / "file").write_text(name)
        assert (work / name / "file").read_text() == name


def test_copies_of_a_storage_take_no_place_of_files(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "table2.csv").write_text("precious")
    with pytest.raises(SystemExit, match="results/ is in this folder already"):
        link_copies(tmp_path / "copies", tmp_path)
    assert (tmp_path / "results" / "table2.csv").read_text() == "precious"
