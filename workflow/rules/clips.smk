"""Videos and photographs to clip stores, and what could not be stored."""

# Of nothing: the configured short side.
SIDE = "(_[0-9]+(-bilinear)?)?"


rule decode_clips:
    """At the configured short side, or at the one that a published network takes."""
    input:
        unpack(settled(clips.manifest)),
    output:
        main=paths.CLIPS,
        digest=paths.digest(paths.CLIPS),
    log:
        paths.log("decode_clips{side}/{dataset}/{shard}"),
    benchmark:
        paths.benchmark("decode_clips{side}/{dataset}/{shard}")
    wildcard_constraints:
        dataset=any_of(PLAN.videos),
        side=SIDE,
    threads: PLAN.config.clips.threads
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        stage=stage,
        code=PLAN.code("decode_clips"),
        decisive=asks(clips.decisive),
        settings=told(clips.settings),
        root=told(clips.root),
    shell:
        "{params.stage} --log {log:q} -- decode_clips.py --manifest {input.small:q} --root {params.root:q}"
        " --settings {params.settings:q} --workers {threads} --output {output.main:q}"


rule synthesize_clips:
    input:
        unpack(settled(clips.manifest)),
    output:
        main=paths.of_side(paths.CLIPS),
        digest=paths.digest(paths.of_side(paths.CLIPS)),
    log:
        paths.log("synthesize_clips/{dataset}/{shard}"),
    benchmark:
        paths.benchmark("synthesize_clips/{dataset}/{shard}")
    wildcard_constraints:
        dataset=any_of(PLAN.photographs),
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        stage=stage,
        code=PLAN.code("synthesize_clips"),
        settings=asks(clips.encoding),
        frames=PLAN.config.training.frames,
        size=PLAN.config.training.crop,
        clips_per_photo=PLAN.config.photographs.clips_per_photo,
        seed=PLAN.config.photographs.seed,
        crops=PLAN.config.photographs.crops,
        root=told(clips.root),
    shell:
        "{params.stage} --log {log:q} -- synthesize_clips.py --manifest {input.small:q} --root {params.root:q}"
        " --frames {params.frames} --size {params.size}"
        " --clips-per-photo {params.clips_per_photo} --seed {params.seed}"
        " --crops {params.crops}"
        " --settings {params.settings:q} --output {output.main:q}"


rule merge_rejected:
    input:
        unpack(settled(clips.stores)),
    output:
        rejected=paths.REJECTED,
        sources=paths.SOURCES,
    log:
        paths.log("merge_rejected{side}/{dataset}"),
    benchmark:
        paths.benchmark("merge_rejected{side}/{dataset}")
    wildcard_constraints:
        dataset=any_of(PLAN.listed),
        side=SIDE,
    params:
        stage=stage,
        code=PLAN.code("merge_rejected"),
        shards=told(clips.shards),
        limit=told(clips.rejected_limit),
    shell:
        "{params.stage} --log {log:q} -- merge_rejected.py --dataset {wildcards.dataset:q} --shards {params.shards:q}"
        " --limit {params.limit} --output {output.rejected:q} --sources {output.sources:q}"


rule compare_videos:
    """Training clips whose source is in a test set too."""
    input:
        unpack(settled(shared_videos.inputs)),
    output:
        paths.OVERLAP_VIDEOS,
    log:
        paths.log("compare_videos/{run}"),
    benchmark:
        paths.benchmark("compare_videos/{run}")
    wildcard_constraints:
        run=any_of(shared_videos.compared(PLAN)),
    params:
        stage=stage,
        code=PLAN.code("compare_videos"),
        roles=asks(shared_videos.roles),
        arguments=told(shared_videos.arguments),
    shell:
        "{params.stage} --log {log:q} -- compare_videos.py {params.arguments:q} {params.roles:q} --output {output:q}"


rule check_store:
    """Check every shard that there is against its checksum: `snakemake check_store`."""
    log:
        paths.log("check_store"),
    params:
        stage=lambda wildcards: stage(wildcards, None),
        shards=told(clips.found),
    shell:
        "{params.stage} --log {log:q} -- check_store.py {params.shards:q}"
