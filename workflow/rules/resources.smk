"""What comes along or is fetched: word vectors, the demo's videos."""


rule fetch_word_vectors:
    output:
        FETCHED_VECTORS,
    log:
        "results/logs/fetch_word_vectors.log",
    benchmark:
        "results/benchmarks/fetch_word_vectors.tsv"
    params:
        stage=stage,
        code=code_digest("fetch_word_vectors"),
    shell:
        "{params.stage} --log {log:q} -- fetch_word_vectors.py --output {output}"


rule render_demo:
    output:
        "resources/demo/{size}/{dataset}.sha256",
    log:
        "results/logs/render_demo/{size}/{dataset}.log",
    benchmark:
        "results/benchmarks/render_demo/{size}/{dataset}.tsv"
    params:
        stage=stage,
        code=code_digest("render_demo"),
        seed=config["demo"]["seed"],
        folder=lambda wildcards, output: Path(output[0]).parent,
    shell:
        "{params.stage} --log {log:q} -- render_demo.py --output {params.folder} --seed {params.seed}"
        " --size {wildcards.size} --datasets {wildcards.dataset}"
