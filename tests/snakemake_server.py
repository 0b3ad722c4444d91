"""Snakemake, loaded once: each line of input is a call, which a fork of this process answers.

Half of a short call's time goes into loading Snakemake.
"""

import json
import os
import sys
from typing import Any

from snakemake.cli import main


def serve() -> None:
    """Read calls as JSON, one a line; print the exit status of each when it has ended."""
    for line in sys.stdin:
        process = os.fork()
        if not process:
            answer(**json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def answer(arguments: list[str], folder: str, environment: dict[str, str], output: str) -> Any:
    """Run Snakemake in a folder; what it and its jobs print goes to the file `output`."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path, flags in ((0, os.devnull, os.O_RDONLY), (1, output, os.O_WRONLY)):
        handle = os.open(path, flags)
        os.dup2(handle, stream)
        os.close(handle)
    os.dup2(1, 2)
    sys.argv = ["snakemake", *arguments]
    main(arguments)


if __name__ == "__main__":
    serve()
