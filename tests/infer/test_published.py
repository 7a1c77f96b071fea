"""Published weights are downloaded whole and right, or not at all. Nothing here leaves this machine."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from backproof.cli import main
from backproof.errors import UserError
from backproof.infer import published
from backproof.infer.published import PUBLISHED, Published, fetch

RIGHT = b"weights" * 1000


class Server(BaseHTTPRequestHandler):
    """Serves the right file, a wrong one, one that ends early, and an error."""

    def do_GET(self) -> None:
        if self.path == "/gone":
            self.send_error(404, "Not Found")
            return
        content = RIGHT if self.path != "/wrong" else RIGHT[:-1] + b"z"
        self.send_response(200)
        self.send_header("Content-Length", str(len(RIGHT)))
        self.end_headers()
        self.wfile.write(content[:100] if self.path == "/short" else content * (1 + (self.path == "/long")))

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a server on this machine, whose file stands for U²-Net-P's."""
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as serving:
        address = f"http://127.0.0.1:{serving.server_port}"
        here = replace(PUBLISHED["u2netp"], url=f"{address}/right", sha256=sha256(RIGHT).hexdigest(), size=len(RIGHT))
        monkeypatch.setattr(published, "PUBLISHED", {"u2netp": here})
        thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield address
        serving.shutdown()
        thread.join()


def test_a_file_is_downloaded_once(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch-weights", "u2netp"]) == 0
    assert (tmp_path / "u2netp.onnx").read_bytes() == RIGHT
    assert capsys.readouterr().out == "u2netp.onnx: downloaded, the checksum is right\n"
    assert main(["fetch-weights", "u2netp", "--url", f"{server}/gone"]) == 0
    assert capsys.readouterr().out == "u2netp.onnx: there already, the checksum is right\n"
    assert main(["fetch-weights", "u2netp", "-o", "new/folder/w.onnx"]) == 0
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["folder", "new", "u2netp.onnx", "w.onnx"]


def test_a_mirror_may_be_a_file(server: str, tmp_path: Path) -> None:
    (tmp_path / "mirror").write_bytes(RIGHT)
    path, downloaded = fetch("u2netp", url=(tmp_path / "mirror").as_uri())
    assert downloaded
    assert path.read_bytes() == RIGHT


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("wrong", r"/wrong is not the file that it should be: its sha256 is [0-9a-f]{12}\.\.\., not [0-9a-f]{12}"),
        ("short", r"/short is not the file that it should be"),
        ("gone", r"cannot download .*/gone: the server says 404 Not Found$"),
    ],
)
def test_what_is_not_right_is_not_written(server: str, tmp_path: Path, place: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        fetch("u2netp", url=f"{server}/{place}")
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_there_is_one_sentence(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for url in ("http://127.0.0.1:9/x", "http://nowhere.invalid/x", "file:///nowhere/x", "x", "gopher://x"):
        assert main(["fetch-weights", "u2netp", "--url", url]) == 2, url
        error = capsys.readouterr().err
        assert error.startswith(f"backproof: cannot download {url}: "), error
        assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_not_written_over(server: str, tmp_path: Path) -> None:
    (tmp_path / "u2netp.onnx").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"'u2netp.onnx' is there already and is another file"):
        fetch("u2netp")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"'folder' is there already and is another file"):
        fetch("u2netp", Path("folder"))
    with pytest.raises(UserError, match=r"cannot write 'u2netp.onnx/x'"):
        fetch("u2netp", Path("u2netp.onnx/x"))
    assert (tmp_path / "u2netp.onnx").read_bytes() == b"mine"


def test_unknown_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch-weights", "u2nett"]) == 2
    assert "unknown published weights 'u2nett'; did you mean u2netp" in capsys.readouterr().err
    assert main(["fetch-weights"]) == 0
    out = capsys.readouterr().out
    assert "u2netp" in out
    assert PUBLISHED["u2netp"].url in out


def test_what_is_published_is_what_was_looked_at(real_data: Path) -> None:
    entry: Published = PUBLISHED["u2netp"]
    content = (real_data / "u2netp" / entry.file).read_bytes()
    assert (len(content), sha256(content).hexdigest()) == (entry.size, entry.sha256)
