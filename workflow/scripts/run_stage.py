"""Run one stage's script: alone on its output, and with a copy of what it prints in its log.

python run_stage.py --log LOG --lock OUTPUT -- script.py arguments…
"""

import argparse
from pathlib import Path

from unseen.stages import run_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--lock", type=Path, required=True, help="the output that it writes")
    parser.add_argument("command", nargs="+", help="the script and its arguments")
    options = parser.parse_args()
    run_stage(options.log, options.lock, options.command)


if __name__ == "__main__":
    main()
