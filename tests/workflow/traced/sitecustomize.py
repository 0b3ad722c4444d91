"""Note, when a stage ends, which of the project's files its process has imported."""

import atexit
import os
import sys
from pathlib import Path


def note() -> None:
    scripts = Path(sys.argv[0]).resolve().parent
    if not sys.argv[0].endswith(".py") or scripts.name != "scripts":
        return
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    repository = scripts.parents[1]
    below = sorted(
        str(Path(file).resolve().relative_to(repository))
        for file in files
        if Path(file).resolve().is_relative_to(repository)
    )
    folder = Path(os.environ["UNSEEN_TRACE"])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / Path(sys.argv[0]).stem).open("a") as trace:
        trace.write("\n".join(below) + "\n")


if "UNSEEN_TRACE" in os.environ:
    atexit.register(note)
