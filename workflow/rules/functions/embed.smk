"""Inputs of embedding."""


def embedding_inputs(sets):
    def inputs(wildcards):
        stores = clip_stores(sets or [dataset_of(wildcards)])
        model = f"results/models/{run_of(wildcards).name}/model.pt"
        rejected = [counted(name) for name in sets or [dataset_of(wildcards)]]
        return settled(with_digests([model, *stores]) | {"rejected": rejected})

    return inputs


def embedding_job(wildcards, output):
    """Where the network runs; the result does not depend on it."""
    settings = run_of(wildcards).settings
    return [f"--{key}={settings[key]}" for key in ("device", "workers", "threads")]


def test_arguments(sets):
    def arguments(wildcards, output):
        names = sets or [dataset_of(wildcards)]
        tests = [f"{name}={path}" for name, path in zip(names, output[: len(names)])]
        return ["--test", *tests, "--shards", *named_stores(names)]

    return arguments


def embed_command():
    return (
        "{params.stage} --log {log:q} -- embed_videos.py --model {params.model:q}"
        " {params.arguments:q} --snippets {params.snippets} --scheme {params.scheme}"
        " --batch-size {params.batch_size} --dtype {params.dtype} {params.job}"
    )
