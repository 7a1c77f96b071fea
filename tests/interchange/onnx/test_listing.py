"""What `backproof models FILE.onnx` says of a file."""

from pathlib import Path

import pytest

from backproof.cli import main
from backproof.graph import Shape, initial_parameters
from backproof.interchange.onnx import write_onnx
from backproof.interchange.onnx.listing import list_file
from backproof.models import build

onnx = pytest.importorskip("onnx", reason="onnx is not installed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    graph = build("mlp", Shape("N", 4), 3, {"layers": (5,), "dropout": 0.25})
    write_onnx(tmp_path / "mlp.onnx", graph, initial_parameters(graph), metadata={"backproof.task": "classification"})
    return tmp_path / "mlp.onnx"


def test_a_file(path: Path) -> None:
    listing = list_file(path)
    assert listing.properties["format"] == "ONNX, IR 10, opset ai.onnx 20"
    assert listing.properties["producer_name"] == "backproof"
    assert listing.properties["backproof.task"] == "classification"
    assert listing.inputs == {"x": "FLOAT (N, 4)"}
    assert listing.outputs == {"fc2": "FLOAT (N, 3)"}
    assert [(n.name, n.op_type, n.shape, n.parameters) for n in listing.nodes] == [
        ("fc1", "Gemm", "(N, 5)", 25),
        ("relu1", "Relu", "(N, 5)", 0),
        ("dropout1", "Dropout", "(N, 5)", 0),
        ("fc2", "Gemm", "(N, 3)", 18),
    ]
    assert listing.nodes[0].takes == ("x", "fc1.weight", "fc1.bias")
    assert listing.nodes[0].attributes == "transB=1"
    assert listing.parameters == 43
    assert listing.network is not None


def test_at_the_command_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", str(path)]) == 0
    out = capsys.readouterr().out
    for line in ("format", "input x", "output fc2", "fc1       Gemm", "4 nodes, 43 numbers in initializers"):
        assert line in out
    assert out.endswith("It is imported as a network of 4 nodes with 43 trainable numbers.\n")


def test_a_file_that_cannot_be_imported_is_listed_all_the_same(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(path)
    next(node for node in model.graph.node if node.name == "relu1").op_type = "Unique"
    onnx.save(model, path)
    assert main(["models", str(path)]) == 0
    out = capsys.readouterr().out
    assert "Unique" in out
    assert "It cannot be imported: " in out
    assert "'relu1' (Unique)" in out


@pytest.mark.parametrize("content", [b"", b"no such thing", b"\x08" * 100])
def test_what_is_no_file_of_onnx(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    assert main(["models", str(path)]) == 2
    assert "bad.onnx" in capsys.readouterr().err
    assert main(["models", str(tmp_path / "none.onnx")]) == 2
    assert "there is no file" in capsys.readouterr().err
