"""Downloads from a server that drops connections, lies about lengths and serves wrong bytes."""

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from unseen.base import downloads
from unseen.base.downloads import Source, download, unpack
from unseen.base.errors import UserError

CONTENT = os.urandom(300_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `drop_after` bytes of each connection are all that come (None: all)."""

    drop_after: int | None = None
    drops = 0
    content = CONTENT
    announced: int | None = None
    takes_ranges = True
    status = 200
    asked: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, place = self.server, self.headers.get("Range")
        server.asked.append(place)
        if server.status != 200:
            self.send_error(server.status)
            return
        begin = int(place.removeprefix("bytes=").partition("-")[0]) if place else 0
        begin = begin if server.takes_ranges else 0
        rest = server.content[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            end = len(server.content)
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{end}")
        self.send_header("Content-Length", str(server.announced or len(rest)))
        self.end_headers()
        if server.drop_after is not None and server.drops > 0:
            server.drops -= 1
            rest = rest[: server.drop_after]
        self.wfile.write(rest)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as found:
        found.asked = []
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def test_a_file_is_brought_and_checked(server: Server, tmp_path: Path) -> None:
    said = download(Source(server.url, len(CONTENT), DIGEST), tmp_path / "a" / "file.bin")
    assert (tmp_path / "a" / "file.bin").read_bytes() == CONTENT
    assert "300,000 bytes (checked by sha256)" in said
    download(Source(server.url, len(CONTENT), DIGEST), tmp_path / "a" / "file.bin")
    assert len(server.asked) == 1  # what is there and right is not fetched again


def test_a_dropped_connection_is_gone_on_from(server: Server, tmp_path: Path) -> None:
    server.drop_after, server.drops = 100_000, 2
    download(Source(server.url, digest=DIGEST), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=200000-"]


def test_a_later_call_goes_on(server: Server, tmp_path: Path) -> None:
    server.drop_after, server.drops = 0, 100
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:70_000])
    with pytest.raises(UserError, match=r"What came stays in .*file.bin.part: call again"):
        download(Source(server.url, digest=DIGEST), tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()
    server.drops = 0
    download(Source(server.url, digest=DIGEST), tmp_path / "file.bin")
    assert server.asked[-1] == "bytes=70000-"
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    server.takes_ranges = False
    (tmp_path / "file.bin.part").write_bytes(b"x" * 70_000)
    download(Source(server.url, digest=DIGEST), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_wrong_bytes_are_not_kept(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(UserError, match="is not the file of"):
        download(Source(server.url, len(CONTENT), DIGEST), tmp_path / "file.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_another_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 70_000)
    with pytest.raises(UserError, match="is not the file of"):
        download(Source(server.url, len(CONTENT), DIGEST), tmp_path / "file.bin")
    assert list(tmp_path.iterdir()) == []


def test_another_length_than_the_publishers(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"announces 300,000 bytes and should have 300,001"):
        download(Source(server.url, len(CONTENT) + 1), tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()


def test_a_length_that_is_a_lie(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is announced than ever comes: never taken for whole."""
    server.announced = len(CONTENT) + 10
    with pytest.raises(UserError, match="cannot be fetched"):
        download(Source(server.url), tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()


def test_what_the_server_has_not(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(UserError, match="the server answers 404"):
        download(Source(server.url), tmp_path / "file.bin")
    assert len(server.asked) == 1


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be fetched .* put the whole file at .*file.bin$"):
        download(Source("http://127.0.0.1:9/file.bin"), tmp_path / "file.bin")


def test_a_file_that_is_there_and_wrong_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"short")
    with pytest.raises(UserError, match="has 5 bytes"):
        download(Source(server.url, len(CONTENT), DIGEST), tmp_path / "file.bin")


# Archives


def tar_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"content"[: member.size]))
    return path


def member(name: str, **keys: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = 7
    for key, value in keys.items():
        setattr(info, key, value)
    return info


def zip_of(path: Path, name: str, mode: int = 0o644) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "content")
    return path


BAD: dict[str, Callable[[Path], Path]] = {
    "tar up": lambda place: tar_of(place / "a.tar.gz", member("../out")),
    "tar root": lambda place: tar_of(place / "a.tar.gz", member("/out")),
    "tar link": lambda place: tar_of(
        place / "a.tar.gz", member("l", type=tarfile.SYMTYPE, linkname="/etc", size=0)
    ),
    "tar hard link": lambda place: tar_of(
        place / "a.tar.gz", member("l", type=tarfile.LNKTYPE, linkname="x", size=0)
    ),
    "tar device": lambda place: tar_of(
        place / "a.tar.gz", member("d", type=tarfile.CHRTYPE, size=0)
    ),
    "zip up": lambda place: zip_of(place / "a.zip", "b/../../out"),
    "zip root": lambda place: zip_of(place / "a.zip", "/out"),
    "zip backslash": lambda place: zip_of(place / "a.zip", "..\\out"),
    "zip link": lambda place: zip_of(place / "a.zip", "l", 0o120777),
}


@pytest.mark.parametrize("kind", BAD)
def test_archives_that_lead_out_are_refused(tmp_path: Path, kind: str) -> None:
    archive = BAD[kind](tmp_path)
    with pytest.raises(UserError, match="not unpacked"):
        unpack(archive, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]


def test_archives_become_folders(tmp_path: Path) -> None:
    assert unpack(tar_of(tmp_path / "a.tar.gz", member("b/c"), member("d")), tmp_path / "t") == 2
    assert (tmp_path / "t/b/c").read_bytes() == b"content"
    assert unpack(zip_of(tmp_path / "a.zip", "b/c"), tmp_path / "z") == 1
    with pytest.raises(UserError, match="is there already"):
        unpack(tmp_path / "a.zip", tmp_path / "z")


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", "b/c")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(path, tmp_path / "z")
    assert not (tmp_path / "z").exists()


def test_rar_wants_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    monkeypatch.setattr(downloads.shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="install unar or bsdtar"):
        unpack(tmp_path / "a.rar", tmp_path / "z")
