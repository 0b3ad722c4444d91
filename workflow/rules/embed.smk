"""Test videos to video embeddings: one process for all test sets of a run."""

for embedded in embedding.rules(PLAN):

    rule:
        name:
            embedded.name
        input:
            unpack(settled(embedding.inputs)),
        output:
            embedded.outputs,
        log:
            paths.log(f"embed_videos/{embedded.job}"),
        benchmark:
            paths.benchmark(f"embed_videos/{embedded.job}")
        wildcard_constraints:
            **{name: any_of(values) for name, values in embedded.serves.items()},
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
            "{params.stage} --log {log:q} -- embed_videos.py --model {params.model:q}"
            " {params.arguments:q} --snippets {params.snippets} --scheme {params.scheme}"
            " {params.frame_rate} --batch-size {params.batch_size} --dtype {params.dtype} {params.place}"


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
