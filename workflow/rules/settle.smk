"""The early cut-off: one checkpoint over all listings and all kept classes.

Within one call Snakemake reruns whatever follows a job that ran, even when the job's output came
out the same. After a checkpoint it looks again. So every later input function asks for `settle`
first, and then only what differs in content runs: one new video, one shard.
"""


checkpoint settle:
    input:
        classes.kept_lists(PLAN),
        classes.pretraining_states(PLAN),
        listing.manifests(PLAN),
    output:
        touch(paths.SETTLED),
    log:
        paths.log("settle"),
    benchmark:
        paths.benchmark("settle")
    localrule: True
    shell:
        "echo settled > {log}"
