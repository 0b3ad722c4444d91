"""Videos and photographs to clip stores, and what could not be stored."""


rule decode_clips:
    input:
        unpack(settled(clips.manifest)),
    output:
        main=paths.CLIPS,
        digest=paths.digest(paths.CLIPS),
    log:
        paths.log("decode_clips/{dataset}/{shard}"),
    benchmark:
        paths.benchmark("decode_clips/{dataset}/{shard}")
    wildcard_constraints:
        dataset=any_of(PLAN.videos),
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


use rule decode_clips as decode_clips_of_side with:
    # At the short side that a published network takes.
    output:
        main=paths.CLIPS_OF_SIDE,
        digest=paths.digest(paths.CLIPS_OF_SIDE),
    log:
        paths.log("decode_clips/{dataset}/{side}/{shard}"),
    benchmark:
        paths.benchmark("decode_clips/{dataset}/{side}/{shard}")
    wildcard_constraints:
        dataset=any_of(PLAN.videos),
        side="[0-9]+(-bilinear)?",


rule synthesize_clips:
    input:
        unpack(settled(clips.manifest)),
    output:
        main=paths.CLIPS,
        digest=paths.digest(paths.CLIPS),
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
        paths.log("merge_rejected/{dataset}"),
    benchmark:
        paths.benchmark("merge_rejected/{dataset}")
    wildcard_constraints:
        dataset=any_of(PLAN.listed),
    params:
        stage=stage,
        code=PLAN.code("merge_rejected"),
        shards=told(clips.shards),
        limit=told(clips.rejected_limit),
    shell:
        "{params.stage} --log {log:q} -- merge_rejected.py --dataset {wildcards.dataset:q} --shards {params.shards:q}"
        " --limit {params.limit} --output {output.rejected:q} --sources {output.sources:q}"


use rule merge_rejected as merge_rejected_of_side with:
    output:
        rejected=paths.REJECTED_OF_SIDE,
        sources=paths.SOURCES_OF_SIDE,
    log:
        paths.log("merge_rejected/{dataset}/{side}"),
    benchmark:
        paths.benchmark("merge_rejected/{dataset}/{side}")
    wildcard_constraints:
        dataset=any_of(PLAN.videos),
        side="[0-9]+(-bilinear)?",


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
        shards=lambda wildcards: sorted(
            map(str, Path(paths.CLIPS_FOLDER).parent.glob("clips*/*/*.h5"))
        ),
    shell:
        "{params.stage} --log {log:q} -- check_store.py {params.shards:q}"
