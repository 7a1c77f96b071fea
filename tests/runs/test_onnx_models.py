"""A file of ONNX as a model of a run: exported, imported, trained on, to the same bits."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.cli import main
from backproof.errors import UserError
from backproof.infer import export, load_model
from backproof.interchange.onnx import read_onnx
from backproof.runs.store import Run, open_run

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

DATA = {"dataset": "digits", "select": "0-160", "batch_size": 32, "last_batch": "even"}

MODELS: dict[str, dict[str, Any]] = {
    "mlp": {"model": "mlp", "layers": (12,), "dropout": 0.3, "batch_norm": True, "flatten": True},
    "lenet5": {"model": "lenet5", "resize": (12, 12)},
    "resnet": {"model": "resnet", "model_option": ("width=4", "blocks=1,1", "bottleneck=false")},
}


def trained(folder: Path, name: str, **options: Any) -> Run:
    given = DATA | {"epochs": 1, "optimizer": "adam", "name": name, "runs_dir": str(folder)}
    return bp.train(**(given | options))


@pytest.fixture(scope="module", params=MODELS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a run, its last weights, and the file that was made of it."""
    folder, options = tmp_path_factory.mktemp(request.param), MODELS[request.param]
    trained(folder, "first", **options)
    export(load_model(folder / "first"), folder / "model.onnx")
    return folder, options


def without_description(source: Path, target: Path) -> Path:
    """The same nodes, in a file that says nothing of itself, as if another library had written it."""
    model = onnx.load(source)
    del model.metadata_props[:]
    model.producer_name = "somebody"
    onnx.save(model, target)
    return target


def same_bits(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.parametrize("whose", ["our own", "anybody's"])
def test_trained_exported_imported_trained_on(exported: tuple[Path, dict[str, Any]], whose: str) -> None:
    """The same bits as going on from the run's own weights, dropout masks and running statistics among them."""
    folder, options = exported
    file = folder / "model.onnx"
    if whose == "anybody's":
        file = without_description(file, folder / "foreign.onnx")
    rest = {key: value for key, value in options.items() if key in ("flatten", "resize")}
    weights = str(folder / "first" / "last.safetensors")
    expected = trained(folder, f"expected {whose}", **options, weights=weights, epochs=2)
    found = trained(folder, f"found {whose}", **rest, model=str(file), epochs=2)
    same_bits(found.weights(), expected.weights())
    if whose == "our own":
        assert found.graph.hash == expected.graph.hash


def test_a_run_goes_on_without_the_file(exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, options = exported
    rest = {key: value for key, value in options.items() if key in ("flatten", "resize")}
    shutil.copy(folder / "model.onnx", tmp_path / "model.onnx")
    whole = trained(tmp_path, "whole", **rest, model=str(tmp_path / "model.onnx"), epochs=2)
    part = trained(tmp_path, "part", **rest, model=str(tmp_path / "model.onnx"), epochs=1)
    (tmp_path / "model.onnx").unlink()
    same_bits(bp.resume(part, epochs=2).weights(), whole.weights())


def file_of(tmp_path: Path, classes: int = 7) -> Path:
    model = load_model("resnet", input=(1, 8, 8), classes=classes, model_options=("width=4", "blocks=1,1"))
    export(model, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def test_another_last_layer_for_other_classes(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    with pytest.raises(UserError, match=r"puts out 7 numbers, and the data has 10 classes; replace .* weights_skip=fc"):
        trained(tmp_path, "run", model=str(path))
    with pytest.raises(UserError, match=r"replace its last layer with weights_skip=fc"):
        trained(tmp_path, "run", model=str(path), weights_skip=("conv1",))
    with pytest.raises(UserError, match="unknown layer 'fcc'"):
        trained(tmp_path, "run", model=str(path), weights_skip=("fc", "fcc"))
    run = trained(tmp_path, "run", model=str(path), weights_skip=("fc",), epochs=0)
    weights, before = run.weights(), read_onnx(path).parameters
    assert weights["fc.weight"].shape == (10, 32)
    for name, array in before.items():
        if not name.startswith("fc."):
            np.testing.assert_array_equal(weights[name], array, err_msg=name)


def test_freeze(tmp_path: Path) -> None:
    path = file_of(tmp_path, classes=10)
    run = trained(tmp_path, "frozen", model=str(path), freeze=("conv1.*", "layer?.0.conv*"))
    before, after = read_onnx(path).parameters, run.weights()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    still = before.keys() - moved
    assert still == {name for name in before if "conv" in name}
    again = open_run(run.path)
    assert not again.graph.parameters["conv1.weight"].trainable
    with pytest.raises(UserError, match=r"no trainable parameter is called 'conv9\.\*'"):
        trained(tmp_path, "wrong", model=str(path), freeze=("conv9.*",))


def test_frozen_parameters_of_a_registered_model_resume(tmp_path: Path) -> None:
    options = {"model": "mlp", "layers": (5,), "flatten": True, "freeze": ("fc1.*",)}
    whole = trained(tmp_path, "whole", **options, epochs=2)
    part = trained(tmp_path, "part", **options, epochs=1)
    same_bits(bp.resume(part, epochs=2).weights(), whole.weights())


def test_a_network_that_calls_its_own_values_loss_and_y(tmp_path: Path) -> None:
    """Names that backproof gives to what it adds."""
    from backproof.graph import Builder, Shape, initial_parameters
    from backproof.interchange.onnx import write_onnx
    from backproof.ops import Linear, ReLU

    net = Builder(Shape("N", 64), "weight")
    graph = net.graph(net("y", Linear(10), net("loss", ReLU(), net("loss.x", Linear(4), net.x))))
    write_onnx(tmp_path / "net.onnx", graph, initial_parameters(graph))
    run = trained(tmp_path, "run", model=str(tmp_path / "net.onnx"), flatten=True)
    assert [i.name for i in run.graph.inputs] == ["weight", "y_"]
    assert run.graph.loss == "loss_"


@pytest.mark.parametrize(("loss", "left"), [("cross_entropy", "fc"), ("mse", "probabilities")])
def test_what_the_loss_has_inside_is_taken_off_the_end(tmp_path: Path, loss: str, left: str) -> None:
    """A file made for prediction ends in probabilities; cross-entropy has the softmax inside."""
    from backproof.graph import Builder, Shape, initial_parameters
    from backproof.interchange.onnx import write_onnx
    from backproof.ops import Linear, Softmax

    net = Builder(Shape("N", 64))
    logits = net("fc", Linear(10), net.x)
    graph = net.graph(net("probabilities", Softmax(), logits))
    write_onnx(tmp_path / "net.onnx", graph, initial_parameters(graph))
    run = trained(tmp_path, "run", model=str(tmp_path / "net.onnx"), flatten=True, loss=loss, epochs=0)
    assert run.graph.output == left
    assert run.graph.node[run.graph.loss].inputs[0] == left
    same_bits(run.weights("last"), read_onnx(tmp_path / "net.onnx").parameters)


def test_options_and_sizes_that_do_not_fit(tmp_path: Path) -> None:
    path = file_of(tmp_path, classes=10)
    with pytest.raises(UserError, match="is a file, and takes no options: leave out activation"):
        trained(tmp_path, "run", model=str(path), activation="tanh")
    with pytest.raises(UserError, match=r"no\.onnx"):
        trained(tmp_path, "run", model=str(tmp_path / "no.onnx"))
    assert not (tmp_path / "run").exists()


def test_checks_take_the_sizes_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(tmp_path)
    engines = ["--engines", "numpy,onnxruntime"]
    assert main(["check", "model", str(path), *engines, "--batch-size", "2"]) == 0, capsys.readouterr().out
    assert "numpy" in capsys.readouterr().out
