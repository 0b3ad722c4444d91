"""Input functions and arguments of the listing."""

@lru_cache(maxsize=None)
def listing_digest(name):
    """What a listing depends on, from the files themselves; a rendered set has its own digest."""
    if is_rendered(DATASETS[name]["root"]):
        return ""
    try:
        return layouts.listing_digest(
            Path(DATASETS[name]["root"]), DATASETS[name]["layout"], layout_options(name)
        )
    except UserError as error:
        complain(error)


def rendered_input(wildcards):
    root = DATASETS[wildcards.dataset]["root"]
    return [f"{root}.sha256"] if is_rendered(root) else []


def listing_arguments(name):
    """Arguments of list_clips.py; where the files lie is no part of what a listing depends on."""
    dataset = DATASETS[name]
    arguments = ["--layout", dataset["layout"], "--media", dataset["media"]]
    arguments += ["--trimmed", str(dataset["trimmed"]).lower()]
    for key in ("subsets", "exclude"):
        if dataset.get(key):
            arguments += [f"--{key}", *dataset[key]]
    return arguments


def listing_places(name):
    dataset = DATASETS[name]
    places = ["--root", dataset["root"]]
    if "annotations" in dataset:
        places += ["--annotations", dataset["annotations"]]
    return places
