include: "workflow/Snakefile"


# An included file keeps its default target to itself.
workflow.default_target = "all"
