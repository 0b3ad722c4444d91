"""Mistakes that a user can mend, and how a command reports them."""

import sys
from collections.abc import Callable

from unseen.base.names import shown


class UserError(Exception):
    """A mistake in the configuration or the data: says what is wrong, where, and how to mend it."""


def run(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and leave the process with its exit code.

    A `UserError` becomes one `error:` line on stderr, with control characters shown and not sent,
    and exit code 1; anything else keeps its traceback, since it is a fault of the program.
    """
    try:
        code = main()
    except UserError as error:
        print("\n".join(map(shown, f"error: {error}".split("\n"))), file=sys.stderr)
        code = 1
    sys.exit(code)
