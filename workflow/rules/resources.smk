"""What comes along or is fetched: word vectors, the demo's videos."""


rule fetch_word_vectors:
    output:
        FETCHED_VECTORS,
    log:
        paths.log("fetch_word_vectors"),
    benchmark:
        paths.benchmark("fetch_word_vectors")
    params:
        stage=stage,
        code=PLAN.code("fetch_word_vectors"),
    shell:
        "{params.stage} --log {log:q} -- fetch_word_vectors.py --output {output}"


rule render_demo:
    output:
        digests=paths.RENDERED,
        videos=directory(paths.RENDERED_VIDEOS),
    log:
        paths.log("render_demo/{size}/{dataset}"),
    benchmark:
        paths.benchmark("render_demo/{size}/{dataset}")
    params:
        stage=stage,
        code=PLAN.code("render_demo"),
        seed=PLAN.config.demo.seed,
        folder=lambda wildcards, output: Path(output.digests).parent,
    shell:
        "{params.stage} --log {log:q} -- render_demo.py --output {params.folder} --seed {params.seed}"
        " --size {wildcards.size} --datasets {wildcards.dataset}"
