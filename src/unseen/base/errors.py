"""Mistakes that a user can mend, and how a command reports them."""

import os
import sys
from collections.abc import Callable

from unseen.base.names import say

INTERRUPTED = 130
"""Exit code of a command that was interrupted."""


class UserError(Exception):
    """A mistake in the configuration or the data: says what is wrong, where, and how to mend it."""


def run(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and leave the process with its exit code.

    A `UserError` becomes one `error:` line on stderr, with control characters shown and not sent,
    and exit code 1; so does what the system says of a file: a name that is too long, a permission
    that is missing, a full disk. An interruption (Ctrl-C) ends in one line and exit code 130, a
    reader that goes away (`| head`) in silence and 141, as shells have them. Anything else keeps
    its traceback, since it is a fault of the program.
    """
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer has no reader: Python would try, and complain, as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except UserError as error:
        say(f"error: {error}", sys.stderr)
        code = 1
    except OSError as error:
        if error.strerror is None:
            raise
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        say(f"error: {place}{error.strerror}", sys.stderr)
        code = 1
    sys.exit(code)
