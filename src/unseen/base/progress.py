"""Progress with rate and time left: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

from unseen.base.names import shown

Item = TypeVar("Item")

LINE_EVERY_S = 10.0


class _Lines:
    """A stream for tqdm that turns its redrawn bar into lines of a log file."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            self.stream.write(text + "\n")

    def flush(self) -> None:
        self.stream.flush()


def progress_bar(
    *, total: int | None, desc: str, unit: str, initial: int = 0, stream: TextIO | None = None
) -> tqdm:
    """A tqdm bar on `stream` (stderr): redrawn on a terminal, elsewhere a line each ten seconds."""
    stream, desc = stream or sys.stderr, shown(desc)
    if stream.isatty():
        return tqdm(total=total, desc=desc, unit=unit, initial=initial, file=stream)
    return tqdm(
        total=total,
        desc=desc,
        unit=unit,
        initial=initial,
        file=_Lines(stream),
        mininterval=LINE_EVERY_S,
        maxinterval=LINE_EVERY_S,
        ascii=True,
        ncols=80,
    )


def progress(
    items: Iterable[Item], *, total: int | None = None, desc: str, unit: str = "it"
) -> Iterator[Item]:
    """Yield `items` while reporting how many are done, the rate and the time left."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    with progress_bar(total=total, desc=desc, unit=unit) as bar:
        for item in items:
            yield item
            bar.update()
