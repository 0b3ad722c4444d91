"""Scripts that a test starts by themselves find the library, as with an installed one."""

import os

from repository import SOURCE

os.environ["PYTHONPATH"] = str(SOURCE)
