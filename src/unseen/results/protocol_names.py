"""What the evaluation protocols are called."""

HALF, FULL = "half", "full"
"""The paper's: ten random halves of the classes, and all classes."""
LISTS = "lists"
"""All classes, on each of the publisher's three test lists."""
UNSEEN = "unseen"
"""The classes that nothing behind a run is known to have seen. Others have their class split's
name."""
IN_METRICS = {HALF: "1", FULL: "2"}
"""The paper's numbers, which the metrics have."""


def protocol_of(dataset: str, text: str) -> str:
    """The protocol of what `splits` has: the name, or of a file its own without the data set's.

    >>> protocol_of("ucf101", "truze"), protocol_of("ucf101", "config/splits/ucf101_truze.csv")
    ('truze', 'truze')
    """
    return text.rpartition("/")[2].removesuffix(".csv").removeprefix(f"{dataset}_")
