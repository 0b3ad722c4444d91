"""Scores to tables, figures and the report."""


rule make_table:
    input:
        unpack(settled(tables.inputs)),
    output:
        main=report(
            paths.TABLE,
            category="Tables",
            caption="../report/table.rst",
        ),
        md=paths.beside(paths.TABLE, ".md"),
        tex=paths.beside(paths.TABLE, ".tex"),
        json=paths.beside(paths.TABLE, ".json"),
    log:
        paths.log("make_table/{number}"),
    benchmark:
        paths.benchmark("make_table/{number}")
    wildcard_constraints:
        number="[123]",
    params:
        stage=stage,
        code=PLAN.code("make_table"),
        numbers=asks(tables.published_content),
        rows=asks(tables.rows_told),
        arguments=told(tables.arguments),
        version=told(tables.version),
    shell:
        "{params.stage} --log {log:q} -- make_table.py --table {wildcards.number} --rows {params.rows:q}"
        " {params.arguments:q} --output {output.main:q} {params.version:q}"


rule compare_runs:
    input:
        unpack(settled(comparisons.inputs)),
    output:
        main=report(
            paths.COMPARISONS,
            category="Tables",
            caption="../report/comparisons.rst",
        ),
        md=paths.beside(paths.COMPARISONS, ".md"),
        json=paths.beside(paths.COMPARISONS, ".json"),
    log:
        paths.log("compare_runs"),
    benchmark:
        paths.benchmark("compare_runs")
    params:
        stage=stage,
        code=PLAN.code("compare_runs"),
        pairs=asks(comparisons.told),
        metrics=told(comparisons.metrics_told),
        version=told(comparisons.version),
    shell:
        "{params.stage} --log {log:q} -- compare_runs.py --pairs {params.pairs:q} --metrics {params.metrics:q}"
        " --output {output.main:q} {params.version:q}"


rule draw_figure:
    input:
        unpack(settled(figures.inputs)),
    output:
        main=paths.FIGURE,
        svg=report(
            paths.beside(paths.FIGURE, ".svg"),
            category="Figures",
            caption="../report/figure.rst",
        ),
        png=paths.beside(paths.FIGURE, ".png"),
        json=paths.beside(paths.FIGURE, ".json"),
    log:
        paths.log("draw_figure/{number}"),
    benchmark:
        paths.benchmark("draw_figure/{number}")
    wildcard_constraints:
        number="[1-7]",
    params:
        stage=stage,
        code=PLAN.code("draw_figure"),
        shown=asks(figures.shown),
        data=told(figures.data),
        version=told(figures.version),
    shell:
        "{params.stage} --log {log:q} -- draw_figure.py --figure {wildcards.number} --data {params.data:q}"
        " --output {output.main:q} {params.version:q}"


rule make_report:
    input:
        unpack(settled(report_page.inputs)),
    output:
        main=paths.REPORT,
        beside=directory(paths.REPORT_FOLDER),
    log:
        paths.log("make_report"),
    benchmark:
        paths.benchmark("make_report")
    params:
        stage=stage,
        code=PLAN.code("make_report"),
        files=asks(report_page.captions_content),
        shown=asks(report_page.shown),
        data=told(report_page.data),
        template=told(report_page.template),
    shell:
        "{params.stage} --log {log:q} -- make_report.py --data {params.data:q} --template {params.template:q}"
        " --output {output.main:q}"
