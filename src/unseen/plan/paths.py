"""Every file's name: patterns with Snakemake's wildcards, filled by `str.format`.

No rule and no other module spells a path below `results/`.
"""

RESULTS = "results/"
LOG = "results/logs/{}.log"
BENCHMARK = "results/benchmarks/{}.tsv"
BENCHMARKS = "results/benchmarks"
SETTLED = "results/settled"

# What comes along, is fetched or rendered

DEMO = "resources/demo"
RENDERED = "resources/demo/{size}/{dataset}.sha256"
RENDERED_VIDEOS = "resources/demo/{size}/{dataset}"

# Listings

MANIFESTS = "results/manifests/{dataset}"
MANIFEST = "results/manifests/{dataset}/{shard}.csv"
LABELS = "results/labels/{dataset}.csv"
MISSING = "results/missing/{dataset}.csv"
SOURCE_VIDEOS = "results/source_videos/{dataset}.csv"
CLASS_NAMES = "results/class_names/{dataset}.txt"

# Classes

CLASS_LIST = "results/classes/{dataset}.tsv"
WORD_VECTORS = "results/word_vectors/word2vec.h5"
OTHER_WORD_VECTORS = "results/word_vectors/word2vec/{dataset}.h5"
CLASS_EMBEDDINGS = "results/class_embeddings/{embedding}/{dataset}.h5"
KEPT = "results/kept/{run}.txt"
OVERLAP = "results/overlap/{run}.csv"
OVERLAP_COUNTS = "results/overlap/{run}_counts.csv"
OVERLAP_PRETRAINING = "results/overlap/{run}_pretraining.csv"
OVERLAP_VIDEOS = "results/overlap/{run}_videos.csv"
PRETRAINING_STATE = "results/overlap/{run}_pretraining.txt"

# Clips

CLIPS_FOLDER = "results/clips"
CLIPS = "results/clips{side}/{dataset}/{shard}.h5"
REJECTED = "results/rejected{side}/{dataset}.csv"
SOURCES = "results/sources{side}/{dataset}.txt"

# Training and embedding

MODELS = "results/models"
MODEL = "results/models/{run}/model.safetensors"
TRAINING_LOG = "results/models/{run}/log.csv"
FEATURES = "results/features/{run}.h5"
VIDEO_EMBEDDINGS = "results/video_embeddings/{run}/{dataset}.h5"
PROBABILITIES = "results/probabilities/{classifier}/{dataset}.h5"
ARITHMETIC = "results/video_embeddings/{run}/{dataset}.txt"

# Scores

METRICS = "results/metrics/{run}/{dataset}.csv"
PER_CLASS = "results/metrics/{run}/{dataset}_per_class.csv"
CONFUSIONS = "results/metrics/{run}/{dataset}_confusions.csv"
PREDICTIONS = "results/predictions/{run}/{dataset}.csv"
PERMUTED_METRICS = "results/metrics/{run}-permuted/{dataset}.csv"
PERMUTED_PREDICTIONS = "results/metrics/{run}-permuted/{dataset}_predictions.csv"

# Results

TABLE = "results/table{number}.csv"
COMPARISONS = "results/comparisons.csv"
FIGURE = "results/figure{number}.csv"
REPORT = "results/report.html"
REPORT_FOLDER = "results/report"
VERSIONS = "results/versions"


def of_side(pattern: str, side: str | None = None) -> str:
    """The pattern of clips, or of what comes of them, of another short side or
    resampling than the configuration's (None: of that one)."""
    return pattern.replace("{side}", f"_{side}" if side else "")


def digest(path: str) -> str:
    """The companion of a large file, which holds the digest of its content."""
    return f"{path}.sha256"


def beside(path: str, ending: str) -> str:
    """A file beside a CSV, such as a table's `.md`."""
    return path.removesuffix(".csv") + ending


def pair(pattern: str) -> str:
    """A pattern of a run and a data set with one wildcard for both, so that rules can say which
    pairs they serve."""
    return pattern.replace("{run}/{dataset}", "{pair}")


def log(name: str) -> str:
    """The log of a rule's jobs; `name` may have wildcards."""
    return LOG.format(name)


def benchmark(name: str) -> str:
    """Snakemake's record of what a rule's jobs cost."""
    return BENCHMARK.format(name)
