"""Where the repository's parts lie."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "src"
SCRIPTS = REPOSITORY / "workflow" / "scripts"
