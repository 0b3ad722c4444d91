"""The workflow as a module of another one."""

import subprocess
import sys
from pathlib import Path

from tiny_workflow import Workspace, jobs_in, rules

OTHER = """
configfile: "config.yaml"

module unseen:
    snakefile: "{repository}/workflow/Snakefile"
    config: config

use rule * from unseen

rule summary:
    input: "results/table2.csv"
    output: "summary.txt"
    shell: "wc -l {{input}} > {{output}}"
"""


def test_as_a_module(workspace: Workspace) -> None:
    """The other workflow's rule follows ours, and nothing of ours runs anew for that."""
    workspace.command()
    snakefile = workspace.folder / "Snakefile"
    snakefile.write_text(OTHER.format(repository=workspace.repository))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "summary.txt"]
    done = subprocess.run(
        command, cwd=workspace.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert rules(jobs_in(done.stdout)) == {"summary"}
    assert Path(workspace.folder / "summary.txt").read_text().startswith("3 ")
