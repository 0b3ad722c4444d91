"""Scores to tables, figures and the report."""


def seeded_runs(base):
    return [
        configuration.seeded(base, seed, config["seeds"]) for seed in config["seeds"]
    ]


def scored_runs(row):
    """The runs of a row, under the names that their metrics go by."""
    ending = "-permuted" if row["permuted"] else ""
    return [run + ending for run in seeded_runs(row["run"])]


def has_photographs(base):
    """Whether a run or what it starts from was trained on photographs (the paper's SUN augmentation)."""
    run = RUNS[base]
    sets = (*run.seen, *configuration.chain(run, RUNS))
    return any(name in PHOTOGRAPHS for name in sets)


def table_rows(number):
    rows = []
    for row in config[f"table{number}"]:
        rows.append(
            {
                "method": row.get("method", row["run"]),
                "runs": scored_runs(row),
                "datasets": row["datasets"],
                "snippets": row["snippets"],
                "visual_features": row.get(
                    "visual_features", RUNS[row["run"]].settings["network"]
                ),
                "e2e": not RUNS[row["run"]].freeze,
                "augment": has_photographs(row["run"]),
            }
        )
    return rows


def table_metrics(number):
    return {
        f"{run}/{dataset}": f"results/metrics/{run}/{dataset}.csv"
        for row in table_rows(number)
        for run in row["runs"]
        for dataset in row["datasets"]
    }


def table_kept(number):
    return {
        run: path
        for row, configured in zip(table_rows(number), config[f"table{number}"])
        for run, trained in zip(row["runs"], seeded_runs(configured["run"]))
        for path in kept_of(RUNS[trained])
    }


def pairs(named_paths):
    return [f"{name}={path}" for name, path in named_paths.items()]


def table_inputs(wildcards):
    number = wildcards.number
    if not config[f"table{number}"]:
        complain(
            f"{CONFIG_NAME}: table{number} has no rows; list its runs and data sets"
        )
    return settled(
        [*table_metrics(number).values(), *dict.fromkeys(table_kept(number).values())]
    )


def published():
    return os.path.relpath(REPOSITORY / "config" / "published.csv")


rule make_table:
    input:
        table_inputs,
        published=published(),
    output:
        report(
            "results/table{number}.csv",
            category="Tables",
            caption="../report/table{number}.rst",
        ),
        "results/table{number}.md",
        "results/table{number}.tex",
        "results/table{number}.json",
    log:
        "results/logs/make_table/{number}.log",
    benchmark:
        "results/benchmarks/make_table/{number}.tsv"
    wildcard_constraints:
        number="[123]",
    params:
        code=code_digest("make_table"),
        rows=lambda wildcards: as_json(table_rows(wildcards.number)),
        metrics=lambda wildcards, output: pairs(table_metrics(wildcards.number)),
        kept=lambda wildcards, output: pairs(table_kept(wildcards.number)),
    shell:
        STAGE + "make_table.py --table {wildcards.number} --rows {params.rows:q}"
        " --metrics {params.metrics:q} --kept {params.kept:q} --published {input.published:q}"
        " --output {output[0]:q}"
