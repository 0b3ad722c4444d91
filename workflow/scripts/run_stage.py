"""Run one stage's script: alone at its job, and with a copy of what it prints in its log.

python run_stage.py --log LOG -- script.py arguments…

The library is taken from this repository, installed or not, here and in the processes that the
stage starts.
"""

import argparse
import os
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
SOURCE = SCRIPTS.parents[1] / "src"
sys.path.insert(0, str(SOURCE))
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")])
)

from unseen.base.run_stage import link_copies, opened, run_stage  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--copies", type=Path, metavar="FOLDER", help="of a default storage's files: is linked here"
    )
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("command", nargs="+", help="a script beside this one, and its arguments")
    options = parser.parse_args()
    script, *arguments = options.command
    if options.copies:
        link_copies(options.copies)
    run_stage(options.log, [str(SCRIPTS / script), *opened(arguments)])


if __name__ == "__main__":
    main()
