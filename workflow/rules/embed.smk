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
            paths.log(f"{embedded.script}/{embedded.job}"),
        benchmark:
            paths.benchmark(f"{embedded.script}/{embedded.job}")
        wildcard_constraints:
            **{name: any_of(values) for name, values in embedded.serves.items()},
        threads: asks(training.cpus_of_one)
        resources:
            gpu=asks(embedding.gpu),
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            stage=stage,
            code=PLAN.code(embedded.script),
            script=f"{embedded.script}.py",
            settings=asks(embedding.settings),
            arguments=told(embedding.arguments),
        shell:
            "{params.stage} --log {log:q} -- {params.script} {params.arguments:q}"


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
