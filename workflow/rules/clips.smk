"""Videos and photographs to clip stores, and what could not be stored."""

ENCODING = ("codec", "gop", "quality")
CLIP_SETTINGS = {
    key: value
    for key, value in config["clips"].items()
    if key not in ("max_rejected_percent", "threads", "timeout_s")
}


rule decode_clips:
    input:
        manifest_part,
    output:
        main="results/clips/{dataset}/{shard}.h5",
        digest="results/clips/{dataset}/{shard}.h5.sha256",
    log:
        "results/logs/decode_clips/{dataset}/{shard}.log",
    benchmark:
        "results/benchmarks/decode_clips/{dataset}/{shard}.tsv"
    wildcard_constraints:
        dataset=any_of(VIDEOS),
    threads: config["clips"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        stage=stage,
        code=code_digest("decode_clips"),
        decisive=as_json(CLIP_SETTINGS),
        settings=clip_settings,
        root=root_of,
    shell:
        "{params.stage} --log {log:q} -- decode_clips.py --manifest {input:q} --root {params.root:q}"
        " --settings {params.settings:q} --workers {threads} --output {output.main:q}"


rule synthesize_clips:
    input:
        manifest_part,
    output:
        main="results/clips/{dataset}/{shard}.h5",
        digest="results/clips/{dataset}/{shard}.h5.sha256",
    log:
        "results/logs/synthesize_clips/{dataset}/{shard}.log",
    benchmark:
        "results/benchmarks/synthesize_clips/{dataset}/{shard}.tsv"
    wildcard_constraints:
        dataset=any_of(PHOTOGRAPHS),
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        stage=stage,
        code=code_digest("synthesize_clips"),
        settings=as_json({key: config["clips"][key] for key in ENCODING}),
        frames=config["training"]["frames"],
        size=config["training"]["crop"],
        clips_per_photo=config["photographs"]["clips_per_photo"],
        seed=config["photographs"]["seed"],
        root=root_of,
    shell:
        "{params.stage} --log {log:q} -- synthesize_clips.py --manifest {input:q} --root {params.root:q}"
        " --frames {params.frames} --size {params.size}"
        " --clips-per-photo {params.clips_per_photo} --seed {params.seed}"
        " --settings {params.settings:q} --output {output.main:q}"


rule merge_rejected:
    input:
        unpack(
            lambda wildcards: settled(with_digests(clip_stores([wildcards.dataset])))
        ),
    output:
        rejected="results/rejected/{dataset}.csv",
        sources="results/sources/{dataset}.txt",
    log:
        "results/logs/merge_rejected/{dataset}.log",
    benchmark:
        "results/benchmarks/merge_rejected/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(LISTED),
    params:
        stage=stage,
        code=code_digest("merge_rejected"),
        shards=lambda wildcards, output: clip_stores([wildcards.dataset]),
        limit=lambda wildcards, output: config["clips"]["max_rejected_percent"],
    shell:
        "{params.stage} --log {log:q} -- merge_rejected.py --dataset {wildcards.dataset:q} --shards {params.shards:q}"
        " --limit {params.limit} --output {output.rejected:q} --sources {output.sources:q}"


rule check_store:
    """Check every shard that there is against its checksum: `snakemake check_store`."""
    log:
        "results/logs/check_store.log",
    params:
        stage=lambda wildcards: stage(wildcards, None),
        shards=lambda wildcards: sorted(map(str, Path("results/clips").glob("*/*.h5"))),
    shell:
        "{params.stage} --log {log:q} -- check_store.py {params.shards:q}"
