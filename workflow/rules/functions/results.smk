"""What tables, figures and the report show, and the parts of their versions."""


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
    kept = dict.fromkeys(table_kept(number).values())
    return settled(
        [
            *table_metrics(number).values(),
            *kept,
            *version_sources(table_metrics(number)),
        ]
    )


def figure_runs(number):
    """(point of the plot, run) for the sweeps behind Figures 4 to 6, the whole runs at the end."""
    points = []
    for figure in {"4": ("4a", "4b"), "5": ("5",), "6": ("6",)}[number]:
        for base, subset in configuration.sweep_runs_of(config, figure):
            points.append(
                (figure, base, subset, configuration.sweep_name(base, subset))
            )
        if figure != "5":
            for base in dict.fromkeys(
                base for base, _ in configuration.sweep_runs_of(config, figure)
            ):
                points.append((figure, base, {"repeat": 0}, base))
    return points


def method_of(base):
    names = {
        FIGURES.get(part): part for part in ("end_to_end", "baseline", "pretrained")
    }
    titles = {
        "end_to_end": "e2e",
        "baseline": "baseline",
        "pretrained": "e2e + photographs",
    }
    return titles[names[base]]


def count_kept(path):
    return len(Path(path).read_text().splitlines()) if Path(path).is_file() else 0


def sweep_points(number):
    points = []
    for figure, base, subset, run in figure_runs(number):
        point = {"run": run, "repeat": subset["repeat"], "method": method_of(base)}
        if number == "4":
            point["sweep"] = "clips" if figure == "4a" else "classes"
            point["log"] = f"results/models/{run}/log.csv"
        if number == "5":
            point["clusters"] = subset["clusters"]
        else:
            point["classes"] = subset.get("classes") or count_kept(
                kept_of(RUNS[run])[0]
            )
        points.append(
            point | {key: subset[key] for key in ("cluster",) if key in subset}
        )
    return points


def metrics_of(runs, names):
    return {
        f"{run}/{name}": f"results/metrics/{run}/{name}.csv"
        for run in runs
        for name in names
    }


def h5_of(run, names):
    return {name: class_embeddings(run, name) for name in names}


def figure_spec(number):
    """The data of a figure and the files that they lie in."""
    main = RUNS[FIGURES["end_to_end"]]
    photographs = h5_of(
        main, [n for n in PHOTOGRAPHS if n not in (*main.seen, *main.tests)]
    )
    parts = [
        FIGURES[p] for p in ("baseline", "end_to_end", "pretrained") if p in FIGURES
    ]
    if number == "1":
        first = FIGURES["datasets"][:1]
        rows = [
            row | {"datasets": first}
            for row in table_rows(1)
            if first[0] in row["datasets"]
        ]
        metrics = metrics_of(
            [run for row in rows for run in row["runs"]], FIGURES["datasets"][:1]
        )
        data = {"dataset": FIGURES["datasets"][0], "rows": rows, "metrics": metrics}
        return data | {"published": PUBLISHED}, list(metrics.values())
    if number == "2":
        data = {
            "training": h5_of(main, main.seen),
            "overlap": f"results/overlap/{main.base}.csv",
            "test": h5_of(main, main.unseen),
            "photographs": photographs,
            "seed": config["seeds"][0],
        }
        sets = (
            *data["training"].values(),
            *data["test"].values(),
            *photographs.values(),
        )
        return data, [data["overlap"], *sets]
    if number == "3":
        overlap = f"results/overlap/{main.base}.csv"
        return {"overlap": overlap, "threshold": config["overlap"]["threshold"]}, [
            overlap
        ]
    if number == "7":
        name = FIGURES["datasets"][0]
        methods = [
            {
                "method": method_of(base),
                "per_class": [
                    f"results/metrics/{run}/{name}_per_class.csv"
                    for run in seeded_runs(base)
                ],
            }
            for base in parts
        ]
        data = {
            "dataset": name,
            "methods": methods,
            "training": list(h5_of(main, main.seen).values()),
            "kept": kept_of(main)[0],
            "test": class_embeddings(main, name),
        }
        per_class = [path for method in methods for path in method["per_class"]]
        return data, [*per_class, *data["training"], data["kept"], data["test"]]
    points = sweep_points(number)
    metrics = metrics_of(
        dict.fromkeys(point["run"] for point in points), FIGURES["datasets"]
    )
    data = {"datasets": FIGURES["datasets"], "metrics": metrics, "points": points}
    logs = [point["log"] for point in points if "log" in point]
    kept = [path for _, _, _, run in figure_runs(number) for path in kept_of(RUNS[run])]
    return data, [*metrics.values(), *logs, *kept]


def shown_in_figure(number):
    """A figure's data, and the published numbers by their content instead of by their place."""
    data = figure_spec(number)[0]
    return as_json(
        data | ({"published": contents([PUBLISHED])} if "published" in data else {})
    )


def figure_inputs(wildcards):
    for key in ("end_to_end", "datasets"):
        if key not in FIGURES:
            complain(
                f"{CONFIG_NAME}: figures.{key} is not set; figure {wildcards.number} needs it"
            )
    if wildcards.number == "1" and not config["table1"]:
        complain(f"{CONFIG_NAME}: figure 1 shows table 1, and table1 has no rows")
    files = [
        *figure_spec(wildcards.number)[1],
        *version_sources(figure_scores(wildcards.number)),
    ]
    return settled(list(dict.fromkeys(files)))


def figure_scores(number):
    """The run/dataset pairs whose scores a figure shows."""
    return list(figure_spec(number)[0].get("metrics", ())) or [
        f"{FIGURES['end_to_end']}/{name}" for name in RUNS[FIGURES["end_to_end"]].unseen
    ]


def stage_of(script, **settings):
    return {
        "code": stage_code.module_digests(SCRIPTS / f"{script}.py"),
        "settings": settings,
    }


def decisive(run):
    """What sets a run apart: its settings where they differ from `training`, without places."""
    own = {
        key: value
        for key, value in run.settings.items()
        if key not in WITHOUT_EFFECT and config["training"].get(key) != value
    }
    weights = run.weights if run.weights in RUNS else weights_content(run.weights)
    return own | {
        "train_on": run.train_on,
        "unseen": run.prune_against,
        "embedding": f"{run.embedding} {encoder_digest(run.embedding)}".strip(),
        "weights": weights,
    }


def version_stages(runs, sets):
    """Code and settings of the stages behind some runs' scores."""
    training = {
        key: value
        for key, value in config["training"].items()
        if key not in WITHOUT_EFFECT
    }
    stages = {
        "list_clips": stage_of("list_clips"),
        "name_words": stage_of("name_words"),
        "embed_classes": stage_of(
            "embed_classes",
            raw_words=config["raw_words"],
            missing_words=config["missing_words"],
        ),
        "prune_classes": stage_of("prune_classes", overlap=config["overlap"]),
        "decode_clips": stage_of("decode_clips", clips=CLIP_SETTINGS),
        "train": stage_of("train", **training),
        "embed_videos": stage_of("embed_videos", testing=config["testing"]),
        "score_videos": stage_of("score_videos"),
    }
    if any(name in PHOTOGRAPHS for name in sets):
        stages["synthesize_clips"] = stage_of(
            "synthesize_clips", **config["photographs"]
        )
    if any(run.name in FROZEN for run in runs):
        stages["extract_features"] = stage_of("extract_features")
    if any(run.name in SUBSETS for run in runs):
        stages["select_classes"] = stage_of("select_classes")
    return stages | {
        f"run {run.name}": {"code": {}, "settings": decisive(run)} for run in runs
    }


def table_stage(number):
    rows, published = table_rows(number), contents([PUBLISHED])
    return {"make_table": stage_of("make_table", rows=rows, published=published)}


def figure_stage(number):
    return {"draw_figure": stage_of("draw_figure", shown=shown_in_figure(number))}


def ancestry(run):
    """A run and the runs that its weights come from."""
    runs = [run]
    while runs[-1].weights in RUNS:
        runs.append(RUNS[runs[-1].weights])
    return runs


def scored(pairs_of_names):
    """The runs and the data sets behind some scores, all the way down."""
    runs, sets = {}, {}
    for pair in pairs_of_names:
        name, dataset = pair.split("/")
        sets[dataset] = None
        for run in ancestry(RUNS[name.removesuffix("-permuted")]):
            runs[run.name] = run
            sets |= dict.fromkeys(run.train_on)
    return list(runs.values()), [name for name in sets if name in LISTED]


def version_sources(pairs_of_names):
    """The files whose contents are the sources of a version."""
    runs, sets = scored(pairs_of_names)
    files = [f"results/sources/{name}.txt" for name in sets]
    files += [f"results/classes/{name}.tsv" for name in sets]
    if any(run.embedding == configuration.WORD2VEC for run in runs):
        files.append("results/word_vectors/word2vec.h5.sha256")
    return files


def version_arguments(name, pairs_of_names, last_stage):
    """Arguments that name a result's parts; `last_stage` is what draws it up, and of what."""
    runs, sets = scored(pairs_of_names)
    sources = [f"{name}=results/sources/{name}.txt" for name in sets]
    sources += [f"words of {name}=results/classes/{name}.tsv" for name in sets]
    if any(run.embedding == configuration.WORD2VEC for run in runs):
        sources.append("word vectors=results/word_vectors/word2vec.h5.sha256")
    stages = in_a_file(f"{name}_stages", version_stages(runs, sets) | last_stage)
    return ["--stages", stages, "--sources", *sources]


def report_spec():
    tables = [
        f"results/table{number}.csv" for number in (1, 2, 3) if config[f"table{number}"]
    ]
    figures = []
    if "end_to_end" in FIGURES and "datasets" in FIGURES:
        numbers = range(1 if config["table1"] else 2, 8)
        figures = [f"results/figure{number}.svg" for number in numbers]
    bases = dict.fromkeys(row["run"] for n in (1, 2, 3) for row in config[f"table{n}"])
    browsed = [(run, name) for run in bases for name in RUNS[run].tests]
    tests = dict.fromkeys(name for _, name in browsed)
    trained = dict.fromkeys(name for run in bases for name in RUNS[run].train_on)
    sets = {
        name: {
            "shards": clip_stores([name]) if name in tests else [],
            "rejected": f"results/rejected/{name}.csv",
            "missing": f"results/missing/{name}.csv",
        }
        for name in [*tests, *trained]
    }
    return {
        "title": "Zero-shot video classification",
        "tables": tables,
        "figures": figures,
        "scores": [
            {
                "run": run,
                "dataset": name,
                "metrics": f"results/metrics/{run}/{name}.csv",
                "predictions": f"results/predictions/{run}/{name}.csv",
                "confusions": f"results/metrics/{run}/{name}_confusions.csv",
            }
            for run, name in browsed
        ],
        "datasets": sets,
        "overlap": {
            base: f"results/overlap/{base}.csv"
            for base in bases
            if RUNS[base].prune_against
        },
        "threshold": config["overlap"]["threshold"],
        "benchmarks": "results/benchmarks",
        "disk": {"clip stores": "results/clips", "models": "results/models"},
        "versions": "results/versions",
    }


def report_inputs(wildcards):
    spec = report_spec()
    if not spec["tables"]:
        complain(
            f"{CONFIG_NAME}: the report shows tables, and none of table1 to table3 has rows"
        )
    scores = [
        path for score in spec["scores"] for key, path in score.items() if "/" in path
    ]
    sets = [
        row[key] for row in spec["datasets"].values() for key in ("rejected", "missing")
    ]
    inputs = with_digests(
        [path for row in spec["datasets"].values() for path in row["shards"]]
    )
    inputs["results"] = [*spec["tables"], *spec["figures"], *scores, *sets]
    inputs["overlap"] = list(spec["overlap"].values())
    return settled(inputs)
