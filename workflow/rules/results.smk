"""Scores to tables, figures and the report."""

PUBLISHED = str(REPOSITORY / "config" / "published.csv")


rule make_table:
    input:
        table_inputs,
    output:
        main=report(
            "results/table{number}.csv",
            category="Tables",
            caption="../report/table.rst",
        ),
        md="results/table{number}.md",
        tex="results/table{number}.tex",
        json="results/table{number}.json",
    log:
        "results/logs/make_table/{number}.log",
    benchmark:
        "results/benchmarks/make_table/{number}.tsv"
    wildcard_constraints:
        number="[123]",
    params:
        stage=stage,
        code=code_digest("make_table"),
        numbers=contents([PUBLISHED]),
        rows=lambda wildcards: as_json(table_rows(wildcards.number)),
        metrics=lambda wildcards, output: pairs(table_metrics(wildcards.number)),
        kept=lambda wildcards, output: pairs(table_kept(wildcards.number)),
        published=lambda wildcards, output: PUBLISHED,
        version=lambda wildcards, output: version_arguments(
            f"table{wildcards.number}",
            table_metrics(wildcards.number),
            table_stage(wildcards.number),
        ),
    shell:
        "{params.stage} --log {log:q} -- make_table.py --table {wildcards.number} --rows {params.rows:q}"
        " --metrics {params.metrics:q} --kept {params.kept:q} --published {params.published:q}"
        " --output {output.main:q} {params.version:q}"


# Figures. What each shows is told to its script as one JSON value (see unseen.figures).

FIGURES = config["figures"]


rule draw_figure:
    input:
        figure_inputs,
    output:
        main="results/figure{number}.csv",
        svg=report(
            "results/figure{number}.svg",
            category="Figures",
            caption="../report/figure.rst",
        ),
        png="results/figure{number}.png",
        json="results/figure{number}.json",
    log:
        "results/logs/draw_figure/{number}.log",
    benchmark:
        "results/benchmarks/draw_figure/{number}.tsv"
    wildcard_constraints:
        number="[1-7]",
    params:
        stage=stage,
        code=code_digest("draw_figure"),
        shown=lambda wildcards: shown_in_figure(wildcards.number),
        data=lambda wildcards, output: in_a_file(
            f"figure{wildcards.number}", figure_spec(wildcards.number)[0]
        ),
        version=lambda wildcards, output: version_arguments(
            f"figure{wildcards.number}",
            figure_scores(wildcards.number),
            figure_stage(wildcards.number),
        ),
    shell:
        "{params.stage} --log {log:q} -- draw_figure.py --figure {wildcards.number} --data {params.data:q}"
        " --output {output.main:q} {params.version:q}"


# The report


CAPTIONS = REPOSITORY / "workflow" / "report"


rule make_report:
    input:
        unpack(report_inputs),
    output:
        "results/report.html",
    log:
        "results/logs/make_report.log",
    benchmark:
        "results/benchmarks/make_report.tsv"
    params:
        stage=stage,
        code=code_digest("make_report"),
        files=contents(sorted(CAPTIONS.iterdir())),
        shown=lambda wildcards: as_json(report_spec()),
        data=lambda wildcards, output: in_a_file(
            "report", report_spec() | {"captions": str(CAPTIONS)}
        ),
        template=lambda wildcards, output: CAPTIONS / "page.html",
    shell:
        "{params.stage} --log {log:q} -- make_report.py --data {params.data:q} --template {params.template:q}"
        " --output {output:q}"
