"""Test videos to video embeddings: one process for all test sets of a run."""

EMBED = (
    "{params.stage} --log {log:q} -- embed_videos.py --model {params.model:q}"
    " {params.arguments:q} --snippets {params.snippets} --scheme {params.scheme}"
    " {params.frame_rate} --batch-size {params.batch_size} --dtype {params.dtype} {params.place}"
)


# Runs with the same test sets share a rule, since a rule's outputs are the same for all its jobs.
for number, sets in enumerate(embedding.groups_of_test_sets(PLAN)):

    rule:
        name:
            f"embed_videos_{number}"
        input:
            unpack(settled(embedding.inputs)),
        output:
            embedding.outputs(sets),
        log:
            paths.log("embed_videos/{run}/test_sets"),
        benchmark:
            paths.benchmark("embed_videos/{run}/test_sets")
        wildcard_constraints:
            run=any_of(embedding.runs_with(PLAN, sets)),
        threads: asks(training.cpus_of_one)
        resources:
            gpu=asks(training.one_gpu),
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            stage=stage,
            code=PLAN.code("embed_videos"),
            snippets=PLAN.config.testing.snippets,
            scheme=PLAN.config.testing.scheme,
            batch_size=PLAN.config.testing.batch_size,
            frame_rate=asks(embedding.frame_rate),
            dtype=asks(embedding.dtype),
            model=told(embedding.model),
            place=told(embedding.place),
            arguments=told(embedding.test_arguments),
        shell:
            EMBED


rule match_motion:
    """The simple opponent: test clips beside the training clips that move alike."""
    input:
        unpack(settled(motion.inputs)),
    output:
        main=paths.pair(paths.VIDEO_EMBEDDINGS),
        digest=paths.pair(paths.digest(paths.VIDEO_EMBEDDINGS)),
        arithmetic=paths.pair(paths.ARITHMETIC),
    log:
        paths.log("match_motion/{pair}"),
    benchmark:
        paths.benchmark("match_motion/{pair}")
    wildcard_constraints:
        pair=any_of(motion.pairs(PLAN)),
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        stage=stage,
        code=PLAN.code("match_motion"),
        arguments=told(motion.arguments),
    shell:
        "{params.stage} --log {log:q} -- match_motion.py {params.arguments:q} --output {output.main:q}"


rule embed_other_videos:
    """Any other pair of run and data set, such as videos without labels, when it is asked for."""
    input:
        unpack(settled(embedding.inputs)),
    output:
        paths.pair(paths.VIDEO_EMBEDDINGS),
        paths.pair(paths.digest(paths.VIDEO_EMBEDDINGS)),
        paths.pair(paths.ARITHMETIC),
    log:
        paths.log("embed_videos/{pair}"),
    benchmark:
        paths.benchmark("embed_videos/{pair}")
    wildcard_constraints:
        pair=any_of(embedding.other_pairs(PLAN)),
    threads: asks(training.cpus_of_one)
    resources:
        gpu=asks(training.one_gpu),
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        stage=stage,
        code=PLAN.code("embed_videos"),
        snippets=PLAN.config.testing.snippets,
        scheme=PLAN.config.testing.scheme,
        batch_size=PLAN.config.testing.batch_size,
        frame_rate=asks(embedding.frame_rate),
        dtype=asks(embedding.dtype),
        model=told(embedding.model),
        place=told(embedding.place),
        arguments=told(embedding.test_arguments),
    shell:
        EMBED
