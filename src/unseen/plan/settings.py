"""The configuration's sections, each key with its type, default, range and description.

Keys of training and of the clip store stand with what reads them, in `unseen.network.settings` and
`unseen.videos.settings`; they become sections here.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from unseen.base.settings import (
    Name,
    Names,
    Number,
    Section,
    read_by,
    section_of,
    without_repeats,
)
from unseen.datasets.test_lists import LAYOUTS as TEST_LISTS
from unseen.network.settings import TrainingKeys
from unseen.results.protocol_names import FULL, HALF, LISTS, protocol_of
from unseen.videos.settings import SYNTHESIZE, ClipSettings

WORD2VEC = "word2vec"
RANDOM_WORDS = "random_words"
FETCHED_VECTORS = "resources/word_vectors/googlenews.bin"
"""The default word vectors, which a rule fetches."""

Unique = AfterValidator(without_repeats)
Share = Annotated[Number, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=2)]
Prompt = Annotated[str, Field(pattern=r"\{\}")]


class Embedding(Section):
    """A further class embedding."""

    encoder: str
    """The folder of a sentence encoder."""


class Dataset(Section):
    """A data set, or with neither layout nor root a class list alone."""

    layout: Literal["kinetics", "ucf101", "hmdb51", "activitynet", "sun397", "folders"] | None = (
        None
    )
    """The publisher's layout. Without one the data set is a class list only."""
    root: str | None = None
    """The folder with the files."""
    annotations: str | None = None
    """The publisher's annotation file (kinetics and activitynet), a list of paths (folders), or the
    folder of the publisher's three test lists, on which runs are then scored too (ucf101 and
    hmdb51)."""
    subsets: Annotated[list[str], Field(min_length=1)] | None = None
    """Subsets of the annotations to take; of folders, the splits (train, val) in the root."""
    trimmed: Literal[True, False, "auto"] = "auto"
    """Kinetics: are the files cut to their ten seconds already?"""
    media: Literal["auto", "videos", "photographs"] = "auto"
    """Videos or photographs; with auto videos win over pictures."""
    labels: Literal["layout", "none"] = "layout"
    """Where the clips' classes come from: as the layout says, or, of folders, from nowhere: then
    its folders are no classes, `classes` says which there are to choose from, and there are
    predictions but no scores (ask for results/predictions/<run>/<dataset>.csv)."""
    shards: Annotated[int, Field(ge=1, le=9999)] = 16
    """Parts that the clip store is divided into."""
    classes: str | None = None
    """Class list: a TSV with the columns class and words, or names in another form (see Class
    lists and words). Default: config/classes/<dataset>.tsv where it exists."""
    exclude: list[str] = []
    """Classes to leave out."""
    splits: Annotated[Names, Unique] = []
    """Splits of the classes that runs are scored on too: a name in config/splits (truze, or
    zero_shot of kinetics600), a CSV with the columns split, part and class, or unseen, the classes
    that nothing behind a run is known to have seen (by overlap.threshold)."""

    @property
    def test_lists(self) -> str | None:
        """The folder of the publisher's test lists."""
        return self.annotations if self.layout in TEST_LISTS else None

    @property
    def listed_by(self) -> str | None:
        """The annotations that say which clips there are."""
        return None if self.test_lists else self.annotations

    def protocols(self, name: str) -> list[str]:
        """The protocols that runs are scored by on the data set of this name."""
        further = [protocol_of(name, text) for text in self.splits]
        return [HALF, FULL, *([LISTS] if self.test_lists else []), *further]

    @property
    def is_unlabelled(self) -> bool:
        """Whether it is known beforehand that no clip has a class."""
        return self.labels == "none" or (self.layout == "folders" and bool(self.annotations))


class ClipsKeys(Section):
    """How clips are stored: beside `ClipSettings`, what concerns the jobs that store them."""

    max_rejected_percent: Annotated[Number, Field(ge=0, le=100), read_by()] = 5.0
    """A larger share of rejected clips in a data set stops the pipeline."""
    threads: Annotated[int, Field(ge=1), read_by()] = 1
    """ffmpeg processes that a decoding job runs at once."""


class Photographs(Section):
    """How photographs become clips (Ken Burns effect)."""

    clips_per_photo: Annotated[int, Field(ge=1), read_by(SYNTHESIZE)] = 8
    """Clips made from each photograph."""
    seed: Annotated[int, Field(ge=0), read_by(SYNTHESIZE)] = 0
    """Seed of the crops."""
    crops: Annotated[Literal["place_first", "side_first"], read_by(SYNTHESIZE)] = "place_first"
    """A crop's place and then a side that is left there (the authors' way, smaller crops), or a
    side and then its place."""


class Overlap(Section):
    """Which training classes count as seen by a test set (Eq. 3 and 4)."""

    threshold: Annotated[Number, Field(ge=0, le=2)] = 0.05
    """A class is kept when its cosine distance to every unseen class exceeds this."""
    prune_pretraining: bool = False
    """Also prune the classes of the runs whose weights a run starts from."""
    prune_videos: bool = False
    """Leave out training clips whose source, by YouTube id or content, is in a test set too. Then
    another video of a test set is a reason to train anew."""
    exclude_classes: list[str] = []
    """Training classes excluded by name (published splits)."""


class Input(Section):
    """What replaces parts of a published classifier's own input."""

    short_side: Annotated[int | None, Field(ge=16, multiple_of=2)] = None
    """Shorter side of the frames in pixels; there is a clip store for each."""
    resampling: Literal["antialiased", "bicubic", "bilinear"] | None = None
    """How frames are made smaller, as clips.resampling; there is a clip store for each."""
    crop: Annotated[int | None, Field(ge=16)] = None
    """Side of the square crop in pixels."""
    frames: Annotated[int | None, Field(ge=1)] = None
    """Frames of a snippet; of a classifier of images, frames that are averaged within one."""
    frame_rate: Annotated[Number | None, Field(gt=0)] = None
    """Frames a second that a snippet takes."""
    mean: Annotated[list[Number], Field(min_length=3, max_length=3)] | None = None
    """Mean of each colour, in 0 to 1."""
    std: Annotated[list[Number], Field(min_length=3, max_length=3)] | None = None
    """Standard deviation of each colour."""


class RunKeys(Section):
    """A run: what it trains on and is tested on. It may override any key of training."""

    method: Literal["word_space", "convex", "dual", "motion"] = "word_space"
    """How a video finds its place among the class embeddings: word_space by a semantic encoder,
    convex between the likeliest classes of a classifier and dual in the space of an
    image-text or video-text model, both without any training; motion, a
    simple opponent, at the mean of the classes of the 10 training clips whose maps of frame
    differences (14 x 14) are nearest, without any network."""
    train_on: Annotated[Names, Field(min_length=1), Unique] | None = None
    """The training set or a list of them."""
    unseen: Annotated[list[str], Unique] = []
    """Test sets whose classes must stay unseen."""
    allow_seen: bool = False
    """Score this run on other sets too; each such row says so."""
    trained_on: Names | None = None
    """Data sets all of whose classes weights from a file have seen; a run without train_on must say
    it. Without it what such weights have seen counts as not known."""
    weights: str | None = None
    """Initial weights: a run, a torchvision name or a file. Of method convex: a run with loss:
    classification, or a published classifier, such as efficientnet_lite2 or
    r2plus1d_18:KINETICS400_V1 (listed in src/unseen/network/published.tsv). Of method dual: a
    folder in Hugging Face's layout (CLIP, SigLIP, X-CLIP)."""
    prompts: Annotated[list[Prompt], Field(min_length=1)] | None = None
    """Of method dual: texts in which {} stands for a class's name in words; their embeddings are
    averaged. Default: the plain one of the model's family."""
    freeze: bool = False
    """Keep the visual encoder as it is and train only the semantic encoder."""
    embedding: str = WORD2VEC
    """The class embedding: word2vec, a name from embeddings, or random_words, a control: a random
    unit vector for each word, from the run's seed, in place of its word vector."""
    replace_head: bool = False
    """Accept weights whose head does not fit and start that anew."""
    likeliest: Annotated[int, Field(ge=1)] = 10
    """Of method convex: how many of the likeliest kept classes are combined (T of ConSE)."""
    centre: bool = False
    """Of method convex: take the mean of the kept classes' embeddings off all embeddings."""
    input: Input = Input()
    """Of methods convex and dual: what replaces parts of the model's own input."""

    @property
    def overrides(self) -> dict[str, Any]:
        """The keys of training that the run has of its own."""
        return {key: value for key, value in self.given.items() if key not in RunKeys.model_fields}


if TYPE_CHECKING:

    class Clips(ClipsKeys, ClipSettings): ...  # type: ignore[misc]

    class Training(Section, TrainingKeys): ...  # type: ignore[misc]

    class Run(RunKeys, TrainingKeys): ...  # type: ignore[misc]

else:
    Clips = section_of("Clips", ClipSettings, base=ClipsKeys)
    Training = section_of("Training", TrainingKeys)
    Run = section_of("Run", TrainingKeys, base=RunKeys)


class Testing(Section):
    """How test videos are embedded and scored."""

    snippets: Annotated[int, Field(ge=1)] = 25
    """Snippets of a test video (T)."""
    scheme: Literal["linear", "legacy"] = "linear"
    """Where the snippets lie; legacy is the authors' chunking."""
    frame_rate: Annotated[Number, Field(gt=0)] | None = None
    """Frames a second of a snippet; null takes the run's own, or else frames one by one."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Snippets that the network takes at once."""


class Row(Section):
    """A measured row of a table."""

    run: str
    """The run."""
    datasets: Annotated[list[str], Field(min_length=1), Unique]
    """The test sets."""
    method: str | None = None
    """Name of the row; the run's name by default."""
    protocols: Annotated[list[str], Field(min_length=1), Unique] | None = None
    """Protocols of tables 1 and 2, each a row of its own: half (the default of table 1), full (of
    table 2), lists, unseen, or the name of a class split; of test sets that have them. Table 3 has
    half and full side by side."""
    snippets: Literal["one", "multi"] = "multi"
    """One snippet or as many as testing.snippets says (multi)."""
    permuted: bool = False
    """Score against the class embeddings dealt out anew to the classes. That gives one in the
    number of classes on average whatever the model: a check of the scoring alone."""
    visual_features: str | None = None
    """Text for the column of that name in table 1."""


class Comparison(Section):
    """Two runs, or one with few and many snippets, compared seed by seed."""

    run: str
    """The run that may be better."""
    against: str
    """The run that it is compared with."""
    datasets: Annotated[list[str], Field(min_length=1), Unique]
    """The test sets."""
    name: str | None = None
    """Name of the comparison; both runs' names by default."""
    snippets: Literal["one", "multi"] = "multi"
    """One snippet or as many as testing.snippets says (multi)."""
    against_snippets: Literal["one", "multi"] | None = None
    """The same of the other run; as snippets by default."""


class Figures(Section):
    """What the figures show: runs by their part in the paper, test sets, the sweeps' grids."""

    end_to_end: str | None = None
    """The end-to-end run."""
    baseline: str | None = None
    """The run with fixed visual features."""
    pretrained: str | None = None
    """The end-to-end run that starts from photographs."""
    datasets: Annotated[list[str], Field(min_length=1), Unique] | None = None
    """Test sets of figures 4 to 6; the first one serves figures 1 and 7."""
    class_counts: Annotated[list[Count], Unique] = [2, 4, 10, 25, 50, 100, 200, 400]
    """Numbers of training classes in figures 4b and 6."""
    fractions: Annotated[list[Share], Unique] = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5]
    """Shares of the training clips in figure 4a."""
    clusters: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Unique] = [1, 2, 3, 6]
    """Numbers of clusters in figure 5; 1 draws from all classes."""
    cluster_classes: Count = 50
    """Classes drawn in figure 5."""
    every_cluster: bool = False
    """Figure 5 trains on each cluster in turn instead of a random one a repeat."""
    repeats: Annotated[int, Field(ge=1, le=1000)] = 10
    """Repeats of figure 5 and of each random subset in figures 4 and 6."""
    training: Training = Field(default_factory=lambda: Training())
    """Keys of training that the sweeps override."""

    def part(self, name: str) -> str | None:
        """The run with a part in the paper: `end_to_end`, `baseline` or `pretrained`."""
        run: str | None = getattr(self, name)
        return run


class Demo(Section):
    """The rendered demo data."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the rendering."""


class Configuration(Section):
    """The configuration of unseen. It is described, key by key, in config/README.md."""

    word_vectors: str = FETCHED_VECTORS
    """Word vectors of word2vec (binary or text), GloVe (text) or fastText (.vec, .bin), also as .gz
    or as a .zip with one file. The default is fetched."""
    raw_words: bool = False
    """Average the word vectors as they stand instead of scaling each to unit length first."""
    missing_words: Literal["error", "drop_word"] = "error"
    """What to do with a word that has no vector."""
    embeddings: dict[Name, Embedding] = {}
    """Further class embeddings by name, each a folder with a sentence encoder
    (sentence-transformers format)."""
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    """The data sets by name."""
    clips: Clips = Field(default_factory=lambda: Clips())
    """How clips are stored."""
    photographs: Photographs = Photographs()
    """How photographs become clips (Ken Burns effect)."""
    overlap: Overlap = Overlap()
    """Which training classes count as seen by a test set (Eq. 3 and 4)."""
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), Unique] = [0]
    """Every run is trained once a seed. The first keeps the run's name, another adds -seed<N>."""
    runs: dict[Name, Run] = {}
    """The runs by name. A run may override any key of training."""
    training: Training = Field(default_factory=lambda: Training())
    """How runs are trained."""
    testing: Testing = Testing()
    """How test videos are embedded and scored."""
    table1: list[Row] = []
    """The measured rows of table 1."""
    table2: list[Row] = []
    """The measured rows of table 2."""
    table3: list[Row] = []
    """The measured rows of table 3."""
    comparisons: list[Comparison] = []
    """Pairs of runs whose difference is shown with its interval in results/comparisons.csv."""
    figures: Figures = Figures()
    """What the figures show: the runs by their part in the paper, the data sets to test on and the
    sweeps' grids."""
    demo: Demo = Demo()
    """The rendered demo data."""

    def rows(self, table: int | str) -> list[Row]:
        """The measured rows of a table, by its number."""
        rows: list[Row] = getattr(self, f"table{table}")
        return rows

    @property
    def tables(self) -> Mapping[int, list[Row]]:
        """The measured rows of the tables that have any."""
        return {number: self.rows(number) for number in (1, 2, 3) if self.rows(number)}
