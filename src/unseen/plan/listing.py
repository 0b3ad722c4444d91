"""Listings: what `list_clips` reads and is told."""

from unseen.plan import paths
from unseen.plan.plan import Inputs, Plan, rendered
from unseen.plan.sources import check_folders, listing_digest


def digest(plan: Plan, dataset: str) -> str:
    """What a listing depends on, from the files themselves. Raises UserError for folders whose
    names are no classes, which a dry-run is to say."""
    check_folders(plan, dataset)
    return listing_digest(plan, dataset)


def sets_by_shards(plan: Plan) -> dict[int, list[str]]:
    """The data sets by their number of shards; those with as many share a rule."""
    numbers = sorted({plan.config.datasets[name].shards for name in plan.listed})
    return {
        number: [name for name in plan.listed if plan.config.datasets[name].shards == number]
        for number in numbers
    }


def inputs(plan: Plan, dataset: str) -> Inputs:
    """A rendered data set and its digests; a user's files are looked at by `digest`."""
    folders = rendered(plan, dataset)
    return Inputs(small=tuple(map(paths.digest, folders)), stored=tuple(folders))


def arguments(plan: Plan, dataset: str) -> list[str]:
    """Arguments of the script that a listing depends on."""
    section = plan.config.datasets[dataset]
    arguments = ["--layout", str(section.layout), "--media", section.media]
    arguments += ["--trimmed", str(section.trimmed).lower()]
    if section.subsets:
        arguments += ["--subsets", *section.subsets]
    if section.labels == "none":
        arguments += ["--unlabelled"]
    if section.exclude:
        arguments += ["--exclude", *section.exclude]
    return arguments


def places(plan: Plan, dataset: str) -> list[str]:
    """Arguments that say where the files lie, which is no part of what a listing depends on."""
    section = plan.config.datasets[dataset]
    places = ["--root", str(section.root)]
    if section.listed_by:
        places += ["--annotations", section.listed_by]
    return places


def manifests(plan: Plan) -> list[str]:
    """All parts of all manifests."""
    return [
        paths.MANIFEST.format(dataset=name, shard=shard)
        for name in plan.listed
        for shard in plan.shards(name)
    ]
