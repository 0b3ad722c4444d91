"""What a call of Snakemake says at its end."""

import pytest

from unseen.plan import calls


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.6, "1 min 0 s"), (199.3, "3 min 19 s"), (7509, "2 h 5 min")],
)
def test_a_time_as_people_say_it(seconds: float, text: str) -> None:
    assert calls.spoken(seconds) == text
