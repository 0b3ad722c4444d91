"""Image-text and video-text models: their folders to models and to the texts of classes."""


rule make_dual:
    output:
        main=paths.MODEL,
        digest=paths.digest(paths.MODEL),
    log:
        paths.log("make_dual/{run}"),
    benchmark:
        paths.benchmark("make_dual/{run}")
    wildcard_constraints:
        run=any_of(PLAN.dual),
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        stage=stage,
        code=PLAN.code("make_dual"),
        content=asks(dual.folder_content),
        settings=asks(dual.input_settings),
        folder=told(dual.folder),
    shell:
        "{params.stage} --log {log:q} -- make_dual.py --folder {params.folder:q}"
        " --input {params.settings:q} --output {output.main:q}"


rule encode_prompts:
    input:
        classes=paths.CLASS_LIST,
    output:
        main=paths.CLASS_EMBEDDINGS,
        digest=paths.digest(paths.CLASS_EMBEDDINGS),
    log:
        paths.log("encode_prompts/{embedding}/{dataset}"),
    benchmark:
        paths.benchmark("encode_prompts/{embedding}/{dataset}")
    wildcard_constraints:
        embedding=any_of(dual.embeddings(PLAN)),
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        stage=stage,
        code=PLAN.code("encode_prompts"),
        content=asks(dual.texts_content),
        prompts=asks(dual.prompts),
        folder=told(dual.texts_folder),
    shell:
        "{params.stage} --log {log:q} -- encode_prompts.py --classes {input.classes:q}"
        " --folder {params.folder:q} --prompts {params.prompts:q} --output {output.main:q}"
