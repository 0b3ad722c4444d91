"""What the rules ask: the settings, the runs, every file's name, what each stage needs and reads.

Also the parts of a result. Nothing here is imported by a stage: a stage is told what it needs on
its command line.
"""
