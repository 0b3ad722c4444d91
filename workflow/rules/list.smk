"""Publisher's files to manifests: which clips there are, and apart from them their classes."""

# The number of outputs follows the number of shards, so sets with as many share a rule.
for count in sorted({DATASETS[name]["shards"] for name in LISTED}):

    rule:
        name:
            f"list_clips_into_{count}"
        input:
            rendered_input,
        output:
            parts=expand(
                "results/manifests/{{dataset}}/{shard}.csv",
                shard=map(layouts.shard_name, range(count)),
            ),
            labels="results/labels/{dataset}.csv",
            labels_digest="results/labels/{dataset}.csv.sha256",
            missing="results/missing/{dataset}.csv",
            class_names="results/class_names/{dataset}.txt",
        log:
            "results/logs/list_clips/{dataset}.log",
        benchmark:
            "results/benchmarks/list_clips/{dataset}.tsv"
        wildcard_constraints:
            dataset=any_of(name for name in LISTED if DATASETS[name]["shards"] == count),
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            stage=stage,
            code=code_digest("list_clips"),
            listing=lambda wildcards: listing_digest(wildcards.dataset),
            arguments=lambda wildcards: listing_arguments(wildcards.dataset),
            places=lambda wildcards, output: listing_places(wildcards.dataset),
            manifests=lambda wildcards, output: Path(output.parts[0]).parent,
            shards=count,
        shell:
            "{params.stage} --log {log:q} -- list_clips.py --dataset {wildcards.dataset:q} {params.arguments:q}"
            " {params.places:q} --shards {params.shards} --manifests {params.manifests:q}"
            " --labels {output.labels:q} --missing {output.missing:q}"
            " --class-names {output.class_names:q}"
