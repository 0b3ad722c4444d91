"""Arguments that no command can hold reach a stage's script through a file."""

import json
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest
from repository import SCRIPTS

from unseen.plan.specs import shortened

SHARDS = [f"results/clips/kinetics700/{number:04}.h5" for number in range(5120)]


def test_thousands_of_shards_reach_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "script.py"
    script.write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\n")

    def called(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        """Through a shell, as Snakemake does."""
        stage = [sys.executable, str(SCRIPTS / "run_stage.py"), "--log", "log", "--", str(script)]
        command = " ".join(map(quote, [*stage, "--shards", *arguments, "--output", "x"]))
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    with pytest.raises(OSError, match="Argument list too long"):
        called(SHARDS)
    assert json.loads(called(shortened(SHARDS)).stdout) == ["--shards", *SHARDS, "--output", "x"]


def test_what_fits_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for one in (SHARDS[:500], [], "text", 7):
        assert shortened(one) == one
    assert not list(tmp_path.iterdir())
    assert shortened(SHARDS) == shortened(list(SHARDS)) != shortened(SHARDS[1:])
