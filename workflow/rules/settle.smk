"""The early cut-off: one checkpoint over all listings and all kept classes.

Within one call Snakemake reruns whatever follows a job that ran, even when the job's output came
out the same. After a checkpoint it looks again. So every later input function asks for `settle`
first, and then only what differs in content runs: one new video, one shard.
"""


checkpoint settle:
    input:
        [f"results/kept/{run}.txt" for run in PRUNED],
        [
            f"results/manifests/{name}/{shard}.csv"
            for name in LISTED
            for shard in shards_of(name)
        ],
    output:
        touch("results/settled"),
    log:
        "results/logs/settle.log",
    benchmark:
        "results/benchmarks/settle.tsv"
    localrule: True
    shell:
        "echo settled > {log}"
