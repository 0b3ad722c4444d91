"""Scripts that a test starts by themselves find the library, as with an installed one; of several
processes one has the tests of Slurm, since a machine can have one Slurm, and one the few quick
tests of the wide workflow, so that no other waits while it is made.
"""

import os
import signal
from typing import Any

import pytest
from repository import SOURCE
from xdist.scheduler import LoadScopeScheduling

os.environ["PYTHONPATH"] = str(SOURCE)
# Of a test run in the background Control-C is ignored, and so it would be by what a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Together(LoadScopeScheduling):
    """Each test goes to whichever process is free, some of them together."""

    def _split_scope(self, nodeid: str) -> str:
        places = ["tests/slurm/"]
        if self.config.option.markexpr == "not long":
            places.append("tests/workflow/test_every_key.py::test_key")
        return next((place for place in places if nodeid.startswith(place)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)
