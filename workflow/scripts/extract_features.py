"""Compute a frozen network's features of the snippets that its run trains on."""

from unseen.base.errors import run
from unseen.network.extract_features import extract_features
from unseen.network.stage_arguments import argument_parser, settings_of, sources_of


def main() -> None:
    options = argument_parser(__doc__).parse_args()
    extract_features(sources_of(options), settings_of(options), options.weights, options.output)


if __name__ == "__main__":
    run(main)
