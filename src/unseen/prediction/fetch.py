"""`unseen fetch NAME`: what publishers offer, brought into `resources/` when somebody asks."""

from dataclasses import dataclass
from pathlib import Path

from unseen.base.downloads import Source, download, unpack
from unseen.base.errors import UserError
from unseen.base.settings import suggest
from unseen.network.published import published_classifiers

READ = ["*.json", "*.txt", "*.model", "*.safetensors"]
"""The files of a model's folder that are fetched: no pickle and no code."""


@dataclass(frozen=True)
class Item:
    """A publisher's file, the folder of `resources/` that it goes to, and whether it is an archive
    that is unpacked there, into a folder of the item's name."""

    source: Source
    folder: str
    is_archive: bool = False

    @property
    def file_name(self) -> str:
        return Path(self.source.url).name


_CRCV = "https://www.crcv.ucf.edu/data/UCF101"
_SERRE = "https://serre-lab.clps.brown.edu/wp-content/uploads/2013/10"
ITEMS = {
    "googlenews": Item(
        Source(
            "https://github.com/RaRe-Technologies/gensim-data/releases/download/"
            "word2vec-google-news-300/word2vec-google-news-300.gz",
            digest="md5:a5e5354d40acb95f9ec66d5977d140ef",
        ),
        "word_vectors",
    ),
    "glove-840b": Item(
        Source(
            "https://nlp.stanford.edu/data/glove.840B.300d.zip",
            digest="md5:2ffafcc9f9ae46fc8c95f32372976137",
        ),
        "word_vectors",
    ),
    "fasttext-crawl": Item(
        Source("https://dl.fbaipublicfiles.com/fasttext/vectors-english/crawl-300d-2M.vec.zip"),
        "word_vectors",
    ),
    "ucf101": Item(Source(f"{_CRCV}/UCF101.rar"), "datasets", True),
    "ucf101-splits": Item(
        Source(f"{_CRCV}/UCF101TrainTestSplits-RecognitionTask.zip"), "datasets", True
    ),
    "hmdb51": Item(Source(f"{_SERRE}/hmdb51_org.rar"), "datasets", True),
    "hmdb51-splits": Item(
        Source(f"{_SERRE}/test_train_splits.rar", digest="md5:15e67781e70dcfbdce2d7dbb9b3344b5"),
        "datasets",
        True,
    ),
    "sun397": Item(
        Source(
            "http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz",
            digest="md5:8ca2778205c41d23104230ba66911c7a",
        ),
        "datasets",
        True,
    ),
}
"""The files by name. Of the digests, GoogleNews' is that of gensim-data, GloVe's that of torchtext,
the others torchvision's; publishers without a digest name none."""


def fetch(name: str, resources: Path) -> str:
    """Bring what `name` stands for: one of `ITEMS`, a published classifier, or a model's folder in
    Hugging Face's hub (`OWNER/NAME`). Returns a line that says where it is and how it was checked.

    Raises UserError for a name that is not known and for what cannot be had.
    """
    if name in ITEMS:
        return fetch_item(name, ITEMS[name], resources)
    if name in published_classifiers():
        from unseen.network.classifiers import load_classifier

        load_classifier(name)
        return f"{name} is in torchvision's cache (checked by the digest in its name)"
    if name.count("/") == 1:
        return fetch_model(name, resources / "models" / name.replace("/", "--"))
    known = [*ITEMS, *published_classifiers()]
    raise UserError(
        f"{name} is nothing that can be fetched{suggest(name, known)}; known are"
        f" {', '.join(ITEMS)}, the published classifiers (unseen models --all) and models of"
        f" Hugging Face's hub by OWNER/NAME"
    )


def fetch_item(name: str, item: Item, resources: Path) -> str:
    """Download a file, and unpack it where it is an archive of archives or of videos."""
    place = resources / item.folder
    folder = place / name
    if item.is_archive and folder.is_dir():
        return f"{folder} is there"
    said = download(item.source, place / item.file_name)
    if not item.is_archive:
        return said
    unpack(place / item.file_name, folder)
    for inner in sorted(folder.rglob("*.rar")):  # HMDB51: one a class
        unpack(inner, inner.with_suffix(""))
        inner.unlink()
    files = sum(path.is_file() for path in folder.rglob("*"))
    return f"{said}\n{folder}: {files:,} files; the archive beside it is needed no more"


def fetch_model(name: str, folder: Path) -> str:
    """Download a model's folder, without pickles and code; huggingface_hub goes on where it was and
    checks each file."""
    try:
        import huggingface_hub
    except ImportError:
        raise UserError(f"{name} needs the package transformers: pip install '.[dual]'") from None
    try:
        huggingface_hub.snapshot_download(name, local_dir=folder, allow_patterns=READ)
    except Exception as error:  # of many kinds: no network, no such model, no permission
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{name} cannot be fetched ({type(error).__name__}: {reason}). What came stays in"
            f" {folder}: call again to go on, or copy the model's folder there"
        ) from None
    return f"{folder}: {name} (checked by huggingface_hub)"
