"""Publisher's files to manifests: which clips there are, and apart from them their classes."""

# The number of outputs follows the number of shards, so sets with as many share a rule.
for count, sets in listing.sets_by_shards(PLAN).items():

    rule:
        name:
            f"list_clips_into_{count}"
        input:
            unpack(needs(listing.inputs)),
        output:
            parts=expand(paths.MANIFEST, shard=PLAN.shards(sets[0]), allow_missing=True),
            labels=paths.LABELS,
            labels_digest=paths.digest(paths.LABELS),
            missing=paths.MISSING,
            class_names=paths.CLASS_NAMES,
            source_videos=paths.SOURCE_VIDEOS,
            source_videos_digest=paths.digest(paths.SOURCE_VIDEOS),
        log:
            paths.log("list_clips/{dataset}"),
        benchmark:
            paths.benchmark("list_clips/{dataset}")
        wildcard_constraints:
            dataset=any_of(sets),
        resources:
            mem_mb=max(2000, 2 * count),
            runtime=max(30, count // 20),
        params:
            stage=stage,
            code=PLAN.code("list_clips"),
            listing=asks(listing.digest),
            arguments=asks(listing.arguments),
            places=told(listing.places),
            manifests=lambda wildcards, output: Path(output.parts[0]).parent,
            shards=count,
        shell:
            "{params.stage} --log {log:q} -- list_clips.py --dataset {wildcards.dataset:q} {params.arguments:q}"
            " {params.places:q} --shards {params.shards} --manifests {params.manifests:q}"
            " --labels {output.labels:q} --missing {output.missing:q}"
            " --class-names {output.class_names:q} --source-videos {output.source_videos:q}"
