"""The command `unseen`: a trained or a published model on your own videos and your own classes."""

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen import __version__
from unseen.base.arguments import file_name
from unseen.base.errors import INTERRUPTED, UserError, run
from unseen.base.files import atomic, check_writable
from unseen.base.markup import json_text
from unseen.base.names import say, shown
from unseen.base.tabular import as_text

if TYPE_CHECKING:
    from unseen.prediction.classifier import Classifier, Failure, Prediction, Video

MODEL_ENDINGS = (".safetensors", ".pt", ".pth", ".tar")
"""Of names that are files, and not those of published weights."""
SHOWN = 5
SOME_FAILED = 3
"""Exit code when some files could not be read; 1 is an error that ended the command."""
FORMATS = ("table", "csv", "json")
ENDINGS = {"": "table", ".txt": "table", ".csv": "csv", ".json": "json"}
"""What a name of --output means."""
SCREEN = Path("-")
RESULTS = Path("results")
VERBATIM = argparse.RawDescriptionHelpFormatter
EXAMPLES = """\
examples:
  unseen models --all                       # what can be named without training
  unseen predict --model efficientnet_lite2 --classes "surfing, archery" holiday.mp4
  unseen fetch googlenews ucf101-splits
  unseen export --model results/models/demo-e2e/model.safetensors --output encoder.pt2
  eval "$(unseen --print-completion bash)"  # the shell completes commands and options

`unseen COMMAND --help` has the options and more examples of each.
"""
PREDICT_HELP = """\
examples:
  unseen predict --model efficientnet_lite2 --classes "riding a horse, playing piano" holiday.mp4
  unseen predict --model results/models/demo-e2e/model.safetensors \\
      --classes "riding a horse, playing chess, surfing" holiday.mp4 clips/*.avi
  unseen predict --model resources/models/openai--clip-vit-base-patch32 --classes-file c.txt videos/
  unseen predict --model MODEL --classes-file classes.txt --format csv --output out.csv videos/
  unseen predict --model MODEL --classes "walking, running" --window 10 --stride 5 \\
      --html out.html long.mp4
  find /data -name '*.mp4' | unseen predict --model MODEL --classes-file classes.txt --quiet -

exit code:
  0  every file was predicted
  1  nothing was: no such model, a class without word vector, no readable video; the message says
     what
  2  the command line is not understood
  3  some files could not be read: they are listed with the reasons, all others are predicted
  130  interrupted: what was predicted until then is written

A prediction is marked "unsure" when its best class is no nearer to the video than half of the
classes that the model was trained on; with a published classifier, than the nearest of as many of
its own classes usually is. A class marked "seen" is within --threshold of a training
class, so that it is no zero-shot answer. What a model of pictures and texts has seen is not known:
its predictions have neither mark. Distances are cosine distances (0: the same direction).
"""
MODELS_HELP = """\
examples:
  unseen models                 # the trained models in results/, and the small published ones
  unseen models --all           # every published classifier that --model takes by its name
  unseen models /data/results
"""
FETCH_HELP = """\
examples:
  unseen fetch googlenews                       # word vectors, 1.6 GB
  unseen fetch ucf101 ucf101-splits hmdb51
  unseen fetch openai/clip-vit-base-patch32     # a folder for method: dual
"""
EXPORT_HELP = """\
examples:
  unseen export --model results/models/demo-e2e/model.safetensors --output encoder.pt2
  unseen export --model results/models/demo-e2e/model.safetensors --output encoder.onnx
"""


def main() -> None:
    """The installed command."""
    run(_main)


def _main() -> int | None:
    parser = command_parser()
    options, unknown = parser.parse_known_args()
    if unknown:
        parser.error(
            f"unrecognized arguments: {shown(' '.join(unknown))}{_meant(unknown, vars(options))}"
        )
    if getattr(options, "quiet", False):
        os.environ["TQDM_DISABLE"] = "1"  # which tqdm reads when it is imported
    code: int | None = options.call(options)
    return code


class _PrintCompletion(argparse.Action):
    """Ends with the completion script of a shell on the screen."""

    def __call__(self, parser: argparse.ArgumentParser, *values: Any) -> None:
        """Raises UserError where shtab is not installed."""
        try:
            import shtab
        except ImportError:
            raise UserError(
                "completion is written by shtab: pip install 'unseen[completion]'"
            ) from None
        _, shell, *_ = values
        for action in _actions(parser):
            if action.type is file_name or action.dest == "model":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, str(shell)))
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from _actions(one)


def _meant(unknown: Iterable[str], known: Iterable[str]) -> str:
    """The option that an unknown one may stand for."""
    options = ["--" + name.replace("_", "-") for name in known]
    near = [get_close_matches(name.partition("=")[0], options, n=1) for name in unknown]
    return next((f"; did you mean {found[0]}?" for found in near if found), "")


def command_parser() -> argparse.ArgumentParser:
    """The options of every command, which the site shows too."""
    parser = argparse.ArgumentParser(
        prog="unseen", description=__doc__, epilog=EXAMPLES, formatter_class=VERBATIM
    )
    parser.add_argument("--version", action="version", version=f"unseen {__version__}")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        help="print what lets a shell complete commands and options, and end",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_predict(commands)
    _add_models(commands)
    _add_fetch(commands)
    _add_export(commands)
    return parser


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="classify videos among classes that you name",
        description="Classify videos among classes that you name. Nothing is trained.",
        epilog=PREDICT_HELP,
        formatter_class=VERBATIM,
    )
    parser.set_defaults(call=_predict)
    add = parser.add_argument
    add(
        "videos",
        nargs="+",
        type=file_name,
        metavar="VIDEO",
        help="a video, or a folder of videos; - reads their names from standard input, one a line",
    )
    add(
        "--model",
        required=True,
        metavar="MODEL",
        help="a model's file, the name of a published classifier (see unseen models), or the folder"
        " of a model of pictures and texts, as unseen fetch OWNER/NAME makes it",
    )
    classes = parser.add_mutually_exclusive_group(required=True)
    classes.add_argument("--classes", metavar="NAMES", help="class names, separated by commas")
    classes.add_argument(
        "--classes-file",
        type=file_name,
        metavar="FILE",
        help="class names, one a line (also numbered, or a CSV); after a tab the words that embed"
        " one, if not its own",
    )
    add(
        "--word-vectors",
        type=file_name,
        metavar="FILE",
        help="the word vectors that the model was trained with (default:"
        " resources/word_vectors/googlenews.bin if it is there); classes that it was trained on"
        " need none. For a published classifier any will do, and small ones are fetched where there"
        " are none",
    )
    add(
        "--format",
        choices=FORMATS,
        help="default: as --output's name ends (.txt, .csv, .json), else table",
    )
    add(
        "--output",
        type=file_name,
        metavar="FILE",
        help="where to write; without it, or -, the screen",
    )
    add("--html", type=file_name, metavar="FILE", help="also write a page with frames and bars")
    add("--window", type=float, metavar="SECONDS", help="predict along time, in such windows")
    add(
        "--stride",
        type=float,
        metavar="SECONDS",
        help="from window to window (default: --window)",
    )
    add(
        "--snippets",
        type=int,
        metavar="T",
        help="a window (default 5) or video (default: what the model's results say that it was"
        " tested with, else 25)",
    )
    add("--batch-size", type=int, default=50, metavar="N", help="snippets at a time (default 50)")
    add("--workers", type=int, metavar="N", help="decoders at a time (default: the cores)")
    add(
        "--timeout",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="give up a file that takes longer to open, or a piece of it to read (default 3600)",
    )
    add("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: auto")
    add("--quiet", action="store_true", help="no progress; warnings and errors are shown")
    add(
        "--threshold",
        type=float,
        default=0.05,
        help="of the mark seen (default 0.05)",
    )
    add(
        "--prompt",
        action="append",
        metavar="TEXT",
        help="for such a folder: a text with {} for a class's name; several are averaged (default:"
        " the plain one of the model's family)",
    )
    published = parser.add_argument_group(
        "classifiers, published or of a run with loss: classification"
    )
    add = published.add_argument
    add(
        "--likeliest",
        type=_count,
        metavar="T",
        help="classes that are combined (default 10)",
    )
    add("--centre", action="store_true", help="take the mean of the class embeddings off")
    add(
        "--leave-out-seen",
        action="store_true",
        help="combine no class that is one of yours, as in a test of unseen classes",
    )


def _count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text[:30]) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of 1 or more, not {text!r}")
    return int(text[:30])


def _add_models(commands: Any) -> None:
    parser = commands.add_parser(
        "models",
        help="list trained models and their scores, and published ones",
        description="List the models in a folder of results, with their scores on test sets, and"
        " published classifiers that need no training.",
        epilog=MODELS_HELP,
        formatter_class=VERBATIM,
    )
    parser.set_defaults(call=_models)
    parser.add_argument(
        "results", nargs="?", type=file_name, default=RESULTS, help="default: results"
    )
    parser.add_argument("--all", action="store_true", help="all published classifiers")


def _add_fetch(commands: Any) -> None:
    parser = commands.add_parser(
        "fetch",
        help="bring word vectors, data sets and models from the internet",
        description="Bring word vectors, data sets and models of other publishers into resources/."
        " A download that was cut off is gone on from; what arrives is checked by the publisher's"
        " digest where there is one. Their licences are the publishers'.",
        epilog=FETCH_HELP,
        formatter_class=VERBATIM,
    )
    parser.set_defaults(call=_fetch)
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="googlenews, glove-840b, fasttext-crawl, ucf101, ucf101-splits, hmdb51, hmdb51-splits,"
        " sun397, a published classifier (see unseen models), or a model of Hugging Face's hub:"
        " OWNER/NAME",
    )
    parser.add_argument(
        "--resources", type=file_name, default=Path("resources"), help="default: resources"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _fetch(options: argparse.Namespace) -> None:
    from unseen.prediction.fetch import fetch

    for name in options.names:
        print(fetch(name, options.resources), flush=True)


def _add_export(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="write a model's video encoder for other programs",
        description="Write a model's video encoder as torch.export (.pt2) or ONNX (.onnx).",
        epilog=EXPORT_HELP,
        formatter_class=VERBATIM,
    )
    parser.set_defaults(call=_export)
    parser.add_argument("--model", type=file_name, required=True, metavar="FILE", help="a model")
    parser.add_argument("--output", type=file_name, required=True, metavar="FILE")


# predict


def _predict(options: argparse.Namespace) -> int:
    from unseen.base.progress import progress_bar
    from unseen.prediction.classifier import (
        Failure,
        Video,
        classify_files,
        load_classifier,
    )
    from unseen.prediction.reading import Reading
    from unseen.prediction.requested_classes import parse_classes, read_classes
    from unseen.prediction.vectors import find_word_vectors
    from unseen.videos.decoder_process import prepare

    published = _is_published(options)
    reading = Reading(
        snippets=options.snippets,
        window_s=options.window,
        stride_s=options.stride,
        pictures=4 if options.html else 0,
        batch_size=options.batch_size,
        workers=options.workers,
        timeout_s=options.timeout,
    )
    files = list(video_files(_named(options.videos)))
    form = _format(options)
    _check_places(options, files)
    prepare(min(reading.decoders, len(files)))
    classifier = load_classifier(
        options.model,
        read_classes(options.classes_file)
        if options.classes_file
        else parse_classes(options.classes),
        options.word_vectors
        if Path(options.model).is_dir()
        else find_word_vectors(options.word_vectors, fetch=published),
        threshold=options.threshold,
        device=options.device,
        prompts=options.prompt,
        **_convex_options(options),
    )
    for note in classifier.requested.notes:
        say(f"warning: {note}", sys.stderr)
    results: list[Video | Failure] = []
    interrupted = False
    try:
        with progress_bar(total=len(files), desc="predicting", unit="video") as bar:

            def show(done: float) -> None:
                done = round(done, 2)
                bar.n = int(done) if done == int(done) else done
                bar.update(0)

            results.extend(classify_files(classifier, files, reading, show))
    except KeyboardInterrupt:
        interrupted = True
    failures = [result for result in results if isinstance(result, Failure)]
    videos = [result for result in results if isinstance(result, Video)]

    if results or not interrupted:
        text = WRITERS[form](classifier, results, shown(str(options.model)))
        _write(options.output or SCREEN, text)
        if options.html:
            from unseen.prediction.page import prediction_page

            summary = as_json(classifier, results, shown(str(options.model)))
            _write(options.html, prediction_page(summary, [video.pictures for video in videos]))
    short = [video for video in videos if options.window and video.duration_s < options.window]
    if short:
        say(
            f"note: {len(short)} of the videos are shorter than --window {options.window:g}: each"
            f" is one window, of {reading.snippets_each} snippets",
            sys.stderr,
        )
    for failure in failures:
        say(f"cannot read {failure.path}: {failure.reason}", sys.stderr)
    if failures:
        print(f"{len(videos)} predicted, {len(failures)} could not be read", file=sys.stderr)
    if interrupted:
        place = f"written to {options.output}" if options.output else "above"
        print(
            f"interrupted: {len(results)} of {len(files)} files were done"
            + (f"; their results are {place}" if results else ""),
            file=sys.stderr,
        )
        return INTERRUPTED
    if failures:
        return SOME_FAILED if videos else 1
    return 0


def _named(videos: Iterable[Path]) -> Iterator[Path]:
    """The videos of the command line; in place of `-` those that standard input names, one a line,
    or ended by NUL as `find -print0` has them."""
    for path in videos:
        if path != SCREEN:
            yield path
            continue
        text = sys.stdin.buffer.read()
        names = text.split(b"\0") if b"\0" in text else text.splitlines()
        if not any(names):
            raise UserError("standard input names no video: give - a list of files, one a line")
        yield from (Path(os.fsdecode(name)) for name in names if name)


def video_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The given files as they are, and in place of a folder the videos below it; each once.

    Raises UserError for a folder without any.
    """
    from unseen.datasets.files import media_files

    known: set[Path] = set()
    for path in paths:
        inside = [path]
        if _is_folder(path):
            inside = [path / file.path for file in media_files(path, "videos")[0]]
            if not inside:
                raise UserError(f"the folder {path} holds no video")
        yield from (one for one in inside if one not in known)
        known.update(inside)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # what is wrong with it is said when it is read
        return False


def _is_published(options: argparse.Namespace) -> bool:
    """Whether --model names published weights. Raises UserError where it names nothing."""
    from unseen.network.published import find_published

    is_name = not ("/" in options.model or options.model.endswith(MODEL_ENDINGS))
    if is_name and not Path(options.model).exists():
        try:
            find_published(options.model)
        except UserError as error:
            raise UserError(f"--model: there is no such file, and {error}") from None
        return True
    if not _is_model_folder(Path(options.model)):
        _check_is_there(Path(options.model))
    return False


def _convex_options(options: argparse.Namespace) -> dict[str, Any]:
    """Those that are given."""
    names = ("likeliest", "centre", "leave_out_seen")
    return {name: value for name in names if (value := getattr(options, name))}


def _is_model_folder(path: Path) -> bool:
    """Whether a folder is another than those in which results have a model's file."""
    from unseen.network.dual_folder import CONFIG

    there = (path / CONFIG).is_file() or not (path / "model.safetensors").is_file()
    return path.is_dir() and there


def _check_is_there(model: Path) -> None:
    if model.is_dir():
        raise UserError(f"the model {model} is a folder; name the file in it, model.safetensors")
    if not model.is_file():
        raise UserError(f"the model {model} is not there; `unseen models` lists those that are")


def _format(options: argparse.Namespace) -> str:
    """The format of --output. Raises UserError for a name whose ending means none."""
    if options.format:
        return str(options.format)
    ending = options.output.suffix if options.output else ""
    if ending not in ENDINGS:
        known = ", ".join(filter(None, ENDINGS))
        hint = "; a page is --html" if ending.lower() in (".html", ".htm") else ""
        raise UserError(
            f"--output {options.output}: {ending} is no known ending ({known}){hint};"
            f" or say --format"
        )
    return ENDINGS[ending]


def _check_places(options: argparse.Namespace, inputs: list[Path]) -> None:
    """Before any work: both places can be written, differ, and are no input of the command."""
    places = {"--output": options.output, "--html": options.html}
    given = {option: path for option, path in places.items() if path and path != SCREEN}
    named = (*inputs, Path(options.model), options.classes_file)
    read = {os.path.realpath(path) for path in named if path}
    for option, path in given.items():
        try:
            check_writable(path)
        except UserError as error:
            raise UserError(f"{option} {error}") from None
        if os.path.realpath(path) in read:
            raise UserError(f"{option} {path} is what the command reads: name another file")
    if len(given) == 2 and os.path.realpath(options.output) == os.path.realpath(options.html):
        raise UserError(f"--output and --html are both {options.html}: name two files")


def _write(path: Path, text: str) -> None:
    """Write where nothing may be lost: what cannot be written, as on a full disk, is printed."""
    if path == SCREEN:
        print(text, end="")
        return
    try:
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except BrokenPipeError:
        raise
    except OSError as error:
        print(text, end="")
        raise UserError(
            f"{path} could not be written ({error.strerror}); its content is printed instead"
        ) from None


def _clock(seconds: float) -> str:
    """Seconds as minutes and seconds.

    >>> _clock(75.5)
    '1:15.5'
    """
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def as_table(classifier: "Classifier", results: "Iterable[Video | Failure]", model: str) -> str:
    """For reading: a few lines a video, the nearest classes with their distances."""
    from unseen.prediction.classifier import Failure

    seen = classifier.seen
    lines = []
    for result in results:
        if isinstance(result, Failure):
            lines += [result.path, f"  not read: {result.reason}", ""]
            continue
        lines.append(f"{result.path}  ({_clock(result.duration_s)})")
        prediction = result.prediction
        width = max(map(len, prediction.classes[:SHOWN]))
        pairs = zip(prediction.classes[:SHOWN], prediction.distances, strict=False)
        for rank, (name, distance) in enumerate(pairs, start=1):
            marks = ["unsure"] if rank == 1 and prediction.unsure else []
            marks += ["seen"] if name in seen else []
            note = f"  ({', '.join(marks)})" if marks else ""
            lines.append(f"  {rank}. {name:<{width}}  {distance:.3f}{note}")
        for window in result.windows:
            name, distance = window.prediction.classes[0], window.prediction.distances[0]
            span = f"{_clock(window.start_s)}-{_clock(window.end_s)}"
            note = "  (unsure)" if window.prediction.unsure else ""
            lines.append(f"  {span:>15}  {name:<{width}}  {distance:.3f}{note}")
        lines.append("")
    lines += [
        f"seen in training: {name} = {same.name} ({same.source}, distance {same.distance:.3f})"
        for name, same in seen.items()
    ]
    return "\n".join(map(shown, lines)).rstrip("\n") + "\n"


def as_csv(classifier: "Classifier", results: "Iterable[Video | Failure]", model: str) -> str:
    """A row a video and, in windows, one more a window; a row with `error` a file not read."""
    from unseen.prediction.classifier import Failure

    shown = range(1, min(SHOWN, len(classifier.requested.names)) + 1)
    columns = ["path", "start_s", "end_s", "unsure", "seen"]
    columns += [f"top{rank}" for rank in shown] + [f"distance{rank}" for rank in shown]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*columns, "error"], restval="", lineterminator="\n")
    writer.writeheader()

    def row(path: str, start_s: float, end_s: float, prediction: "Prediction") -> dict[str, Any]:
        cells: dict[str, Any] = {
            "path": as_text(path),
            "start_s": f"{start_s:.2f}",
            "end_s": f"{end_s:.2f}",
        }
        cells["unsure"] = str(prediction.unsure).lower()
        cells["seen"] = str(prediction.classes[0] in classifier.seen).lower()
        for rank in shown:
            cells[f"top{rank}"] = as_text(prediction.classes[rank - 1])
            cells[f"distance{rank}"] = f"{prediction.distances[rank - 1]:.6f}"
        return cells

    for result in results:
        if isinstance(result, Failure):
            writer.writerow({"path": as_text(result.path), "error": result.reason})
            continue
        writer.writerow(row(result.path, 0, result.duration_s, result.prediction))
        for part in result.windows:
            writer.writerow(row(result.path, part.start_s, part.end_s, part.prediction))
    return stream.getvalue()


def as_json(
    classifier: "Classifier", results: "Iterable[Video | Failure]", model: str
) -> dict[str, Any]:
    """Everything, as JSON values: the classes, a prediction a video and window, the failures."""
    from unseen.prediction.classifier import Failure

    requested = classifier.requested

    def values(prediction: "Prediction") -> dict[str, Any]:
        return {
            "classes": prediction.classes,
            "distances": prediction.distances,
            "usual_distance": prediction.usual,
            "unsure": prediction.unsure,
        }

    def seen(name: str) -> dict[str, Any] | None:
        same = requested.seen.get(name)
        return vars(same).copy() if same else None

    videos, failures = [], []
    for result in results:
        if isinstance(result, Failure):
            failures.append({"path": result.path, "reason": result.reason})
            continue
        windows = [
            {"start_s": part.start_s, "end_s": part.end_s} | values(part.prediction)
            for part in result.windows
        ]
        entry = {"path": result.path, "duration_s": result.duration_s}
        videos.append(entry | values(result.prediction) | {"windows": windows})
    return {
        "model": model,
        "classes": [
            {"name": name, "words": words, "seen": seen(name)}
            for name, words in zip(requested.names, requested.words, strict=True)
        ],
        "notes": requested.notes,
        "videos": videos,
        "failures": failures,
    }


def _json_text(classifier: "Classifier", results: "Iterable[Video | Failure]", model: str) -> str:
    return json_text(as_json(classifier, results, model), indent=1) + "\n"


WRITERS = {"table": as_table, "csv": as_csv, "json": _json_text}


# models


def _models(options: argparse.Namespace) -> int:
    from unseen.prediction.model_list import (
        metrics_of,
        model_lines,
        published_lines,
        seen_before,
        trained_models,
    )

    if options.results != RESULTS and not options.results.is_dir():
        raise UserError(f"there is no folder {options.results}; name one of results, or none")
    files = trained_models(options.results)
    say("trained models" if files else f"{options.results}/models holds no trained model")
    for path in files:
        say("\n".join(model_lines(path, metrics_of(path))))
        say(f"  classes near a test class that its weights had seen: {seen_before(path)}")
    say("\npublished classifiers, by name and without training")
    say("\n".join(published_lines(every=options.all)))
    return 0


# export


def _export(options: argparse.Namespace) -> int:
    from unseen.network.export import export_encoder

    _check_is_there(options.model)
    check_writable(options.output)
    say(export_encoder(options.model, options.output))
    return 0


if __name__ == "__main__":
    main()
