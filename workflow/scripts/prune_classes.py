"""Keep the training classes that are far enough from every unseen class (Eq. 3)."""

import argparse
from pathlib import Path

from unseen.base.errors import run
from unseen.classes.overlap import prune_classes


def embeddings(text: str) -> tuple[str, Path]:
    """A data set's name and the file of its class embeddings, from NAME=FILE."""
    name, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, Path(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    several = {"type": embeddings, "nargs": "+", "default": [], "metavar": "NAME=H5"}
    parser.add_argument("--train", **several, help="training sets", required=True)
    parser.add_argument("--unseen", **several, help="sets whose classes must stay unseen")
    parser.add_argument("--threshold", type=float, required=True, help="cosine distance")
    parser.add_argument("--exclude", nargs="+", default=[], metavar="CLASS", help="dropped by name")
    parser.add_argument("--exclude-names", type=Path, metavar="FILE", help="the same, a line each")
    parser.add_argument("--overlap", type=Path, required=True, help="CSV, a row a class")
    parser.add_argument("--kept", type=Path, required=True, help="names of the kept classes")
    parser.add_argument("--counts", type=Path, required=True, help="CSV, a row a threshold")
    parser.add_argument("--keep-all", action="store_true", help="weights have seen every class")
    arguments = parser.parse_args()
    listed = arguments.exclude_names.read_text().splitlines() if arguments.exclude_names else []
    print(
        prune_classes(
            dict(arguments.train),
            dict(arguments.unseen),
            threshold=arguments.threshold,
            overlap=arguments.overlap,
            kept=arguments.kept,
            counts=arguments.counts,
            excluded={*arguments.exclude, *listed},
            keep_all=arguments.keep_all,
        )
    )


if __name__ == "__main__":
    run(main)
