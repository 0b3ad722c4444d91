"""Run one stage's script: alone at its job, and with a copy of what it prints in its log.

python run_stage.py --log LOG -- script.py arguments…
"""

import argparse
from pathlib import Path

from unseen.stages import run_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("command", nargs="+", help="the script and its arguments")
    options = parser.parse_args()
    run_stage(options.log, options.command)


if __name__ == "__main__":
    main()
