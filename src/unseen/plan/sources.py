"""What lies outside `results/`: publishers' files, class lists, word vectors, encoders, weights."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from unseen import datasets as layouts
from unseen.base.errors import UserError
from unseen.base.files import file_digest, json_digest
from unseen.classes.class_list import read_classes
from unseen.classes.class_splits import check_class_splits, read_class_splits
from unseen.classes.words import check_names
from unseen.datasets.test_lists import list_files
from unseen.plan.plan import Plan, contents, is_rendered, root_of
from unseen.plan.runs import weights_kind
from unseen.plan.settings import FETCHED_VECTORS
from unseen.results.protocol_names import LISTS, UNSEEN, protocol_of


def check_sources(plan: Plan) -> None:
    """Raise UserError that names all that the configuration points at and that is not there."""
    missing = list(_missing(plan))
    if missing:
        notes = [f"(relative paths start at {Path.cwd()}, the folder of the call)"]
        if any(": ~" in line for line in missing):
            notes.append("(~ is not expanded: write the home folder's whole path)")
        raise UserError(
            f"{plan.where} names files and folders that are not there:\n       "
            + "\n       ".join([*missing, *notes])
        )
    for name in plan.listed:
        _check_protocols(plan, name)


def _check_protocols(plan: Plan, name: str) -> None:
    """Raise UserError for incomplete test lists, and for class splits of other classes than those
    of the data set's list."""
    dataset, listed = plan.config.datasets[name], class_list(plan, name)
    if dataset.test_lists:
        list_files(str(dataset.layout), Path(dataset.test_lists))
    for path in split_files(plan, name).values():
        splits = read_class_splits(path)
        if listed:
            check_class_splits(path, splits, {*read_classes(Path(listed))} - {*dataset.exclude})


def _missing(plan: Plan) -> Iterator[str]:
    config = plan.config
    for name in plan.listed:
        dataset = config.datasets[name]
        if dataset.test_lists and not Path(dataset.test_lists).is_dir():
            yield f"datasets.{name}.annotations, a folder of test lists: {dataset.annotations}"
        for path in split_files(plan, name).values():
            if not path.is_file():
                yield f"datasets.{name}.splits: {path}"
        if is_rendered(dataset):
            continue
        if not root_of(dataset).is_dir():
            yield f"datasets.{name}.root: {dataset.root}"
        if dataset.listed_by and not Path(dataset.listed_by).is_file():
            yield f"datasets.{name}.annotations: {dataset.annotations}"
    for name, dataset in config.datasets.items():
        listed = class_list(plan, name)
        if dataset.is_unlabelled and not listed:
            yield f"datasets.{name}.classes: nothing says which classes there are to choose from"
        if listed and not Path(listed).is_file():
            yield f"datasets.{name}.classes: {listed}"
        if not listed and name not in plan.listed:
            yield f"datasets.{name}: no layout and no config/classes/{name}.tsv"
    if config.word_vectors != FETCHED_VECTORS and not Path(config.word_vectors).is_file():
        yield f"word_vectors: {config.word_vectors}"
    for name, embedding in config.embeddings.items():
        if not Path(embedding.encoder).is_dir():
            yield f"embeddings.{name}.encoder: {embedding.encoder}"
    for name, run in config.runs.items():
        weights = run.weights
        is_file = weights and run.method != "dual" and weights_kind(weights, config.runs) == "file"
        if is_file and not Path(str(weights)).is_file():
            yield f"runs.{name}.weights: {weights}"


def class_list(plan: Plan, name: str) -> str | None:
    """The class list of a data set, or None: the configured one, else the one that comes along."""
    dataset = plan.config.datasets.get(name)
    if dataset and dataset.classes:
        return dataset.classes
    shipped = plan.repository / "config" / "classes" / f"{name}.tsv"
    return str(shipped) if shipped.is_file() else None


def class_lists(plan: Plan, name: str) -> list[str]:
    """The list of a data set's classes and words, or else all lists whose words are known."""
    own = class_list(plan, name)
    shipped = sorted((plan.repository / "config" / "classes").glob("*.tsv"))
    return [own] if own else [str(path) for path in shipped]


def split_files(plan: Plan, name: str) -> dict[str, Path]:
    """A data set's class splits by the name of their protocol: that of the file, without the data
    set's. A name alone is that of a file in config/splits."""
    files = {}
    for text in plan.config.datasets[name].splits:
        if text != UNSEEN:
            shipped = plan.repository / "config" / "splits" / f"{name}_{text}.csv"
            path = Path(text) if "/" in text or text.endswith(".csv") else shipped
            files[protocol_of(name, text)] = path
    return files


def protocols_content(plan: Plan, name: str) -> dict[str, str]:
    """The content of what a data set's further protocols are read from, by their names."""
    dataset = plan.config.datasets[name]
    found = {protocol: contents([path]) for protocol, path in split_files(plan, name).items()}
    if dataset.test_lists:
        found[LISTS] = _lists_digest(str(dataset.layout), dataset.test_lists)
    return found


@cache
def _lists_digest(layout: str, folder: str) -> str:
    files = list_files(layout, Path(folder)).values()
    return contents(path for paths in files for path in paths)


def layout_options(plan: Plan, name: str) -> layouts.LayoutOptions:
    """What the configuration says about a data set besides its layout and root."""
    dataset = plan.config.datasets[name]
    return layouts.LayoutOptions(
        annotations=Path(dataset.listed_by) if dataset.listed_by else None,
        subsets=tuple(dataset.subsets) if dataset.subsets else None,
        trimmed=dataset.trimmed,
        media=dataset.media,
        exclude=tuple(dataset.exclude),
        labelled=dataset.labels != "none",
    )


_LISTINGS: dict[tuple[int, str], str] = {}


def listing_digest(plan: Plan, name: str) -> str:
    """What a listing depends on, from the files themselves; a rendered set has its own digest."""
    dataset = plan.config.datasets[name]
    if is_rendered(dataset):
        return ""
    key = (id(plan), name)
    if key not in _LISTINGS:
        _LISTINGS[key] = layouts.listing_digest(
            root_of(dataset), str(dataset.layout), layout_options(plan, name)
        )
    return _LISTINGS[key]


@cache  # asked for at each look at a job's reasons
def check_folders(plan: Plan, name: str) -> None:
    """Raise UserError where folders, read as classes, are none of those that the set's list names,
    and where nothing in the root fits."""
    dataset, path = plan.config.datasets[name], class_list(plan, name)
    if dataset.layout != "folders" or is_rendered(dataset) or path is None:
        return
    listing = layouts.read_listing(name, "folders", root_of(dataset), layout_options(plan, name))
    brought = sorted({clip.class_name for clip in listing.clips if clip.class_name})
    try:
        check_names(name, brought, read_classes(Path(path)), Path(path))
    except UserError as error:
        raise UserError(
            f"{error}\n       If the folders in {dataset.root} are no classes, say so:"
            f" `labels: none` under datasets.{name}."
        ) from None


def vectors_digest(plan: Plan) -> str:
    """Name, size and time of the word vectors; those that are fetched are verified by content."""
    if plan.config.word_vectors == FETCHED_VECTORS:
        return FETCHED_VECTORS
    path = Path(plan.config.word_vectors)
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def encoder_digest(plan: Plan, embedding: str) -> str:
    """What lies in a sentence encoder's folder; nothing for word vectors."""
    if embedding not in plan.config.embeddings:
        return ""
    return _folder_digest(plan.config.embeddings[embedding].encoder)


@cache
def _folder_digest(folder: str) -> str:
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return json_digest({str(path.relative_to(folder)): file_digest(path) for path in files})


def weights_content(plan: Plan, weights: str | None) -> str:
    """The content of a file of weights, or torchvision's name; a run's model is an input."""
    if not weights or weights in plan.runs:
        return ""
    return _file_digest(weights) if Path(weights).is_file() else weights


_file_digest = cache(file_digest)
