"""Published classifiers to models: a convex combination of their classes, without training."""


rule make_convex:
    input:
        unpack(settled(convex.inputs)),
    output:
        main=paths.MODEL,
        digest=paths.digest(paths.MODEL),
    log:
        paths.log("make_convex/{run}"),
    benchmark:
        paths.benchmark("make_convex/{run}")
    wildcard_constraints:
        run=any_of(PLAN.convex),
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        stage=stage,
        code=PLAN.code("make_convex"),
        settings=asks(convex.settings),
        arguments=told(convex.arguments),
    shell:
        "{params.stage} --log {log:q} -- make_convex.py {params.arguments:q} --settings {params.settings:q}"
        " --output {output.main:q}"
