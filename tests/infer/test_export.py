"""A model as a file: valid, equal to the network, and whole, or not there at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import backproof as bp
from backproof.cli import main
from backproof.data.options import PreprocessingOptions
from backproof.errors import UserError
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.infer import LoadedModel, export, load_model
from backproof.interchange import read_weights
from backproof.ops import Conv2d, Flatten, Linear, ReLU

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    options = {"model": "mlp", "layers": (12,), "batch_norm": True, "flatten": True, "standardize": True}
    return bp.train(dataset="digits", select="0-300", epochs=1, resize=(6, 6), runs_dir=str(folder), **options).path


def said(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_a_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    assert main(["export", str(run), "-o", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"{path}: 610 numbers in" in out
    assert "opset 20; checked by onnx, and ONNX Runtime's output differs from ours by" in out
    model, meta = load_model(run), said(path)
    assert meta["backproof.classes"] == '["0","1","2","3","4","5","6","7","8","9"]'
    assert (meta["backproof.task"], meta["backproof.run"]) == ("classification", run.name)
    assert meta["backproof.graph_hash"] == model.graph.hash
    assert '"standardize": true' in meta["backproof.preprocessing"]
    x = np.random.default_rng(0).standard_normal((5, 36)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    np.testing.assert_allclose(found, model.predict(x), atol=1e-5)
    for tensor in onnx.load(path).graph.initializer:
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), model.parameters[tensor.name])


def test_pixels_in(run: Path, tmp_path: Path) -> None:
    """Pictures of any size, as bytes, straight into the file."""
    from backproof.data.preprocessing import steps_of

    path = tmp_path / "model.onnx"
    assert main(["export", str(run), "-o", str(path), "--preprocess", "--opset", "21"]) == 0
    model, session = load_model(run), onnxruntime.InferenceSession(path)
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("pixels", "tensor(uint8)", ["N", "H", "W", 1])
    picture = np.random.default_rng(1).integers(0, 256, (19, 11, 1)).astype(np.uint8)
    image = picture.astype(np.float32) / 255
    for step in steps_of(model.preprocessing):
        image = step(image)
    (found,) = session.run(None, {"pixels": picture[None]})
    np.testing.assert_allclose(found[0], model.predict(image.reshape(36)), atol=1e-4)


STEPS = {
    "grayscale": {"grayscale": True},
    "minmax": {"minmax": True},
    "inverted": {"minmax": True, "adaptive_invert": True},
    "inverted gray": {"grayscale": True, "adaptive_invert": True},
    "resized": {"resize": (9, 8)},
    "shorter side, cropped": {"resize": (11,), "center_crop": (9, 8)},
    "cropped": {"center_crop": (9, 8)},
    "divided": {"divide_by_max": True},
    "standardized": {"standardize": True},
    "normalized": {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)},
    "as U²-Net": {"resize": (9, 8), "divide_by_max": True, "mean": (0.485, 0.456, 0.406), "std": (0.2,)},
    "not antialiased": {"resize": (9, 8), "antialias": False},
    "nothing": {},
}


def small_model(**options: object) -> LoadedModel:
    preprocessing = PreprocessingOptions(**options)
    channels = 1 if preprocessing.grayscale else 3
    graph = Sequential(("conv", Conv2d(2, 3)), ("relu", ReLU()), ("flat", Flatten()), ("fc", Linear(3))).build(
        Shape("N", channels, 9, 8)
    )
    loaded = load_model("one_layer", input=(channels, 9, 8), classes=3)
    return replace(loaded, graph=graph, parameters=initial_parameters(graph), preprocessing=preprocessing, name="small")


@pytest.mark.parametrize("options", STEPS.values(), ids=STEPS.keys())
def test_every_step_of_preprocessing(options: dict[str, object], tmp_path: Path) -> None:
    """`export` compares the file with our own preprocessing and network, and refuses to keep it if they differ."""
    written = export(small_model(**options), tmp_path / "model.onnx", preprocess=True)
    assert written.difference is not None
    assert written.difference < 1e-5


@pytest.mark.parametrize("value", [0, 255, 137])
def test_even_pictures(value: int, tmp_path: Path) -> None:
    """Where a step would divide 0 by 0."""
    from backproof.data.preprocessing import steps_of

    for options in ({"minmax": True}, {"standardize": True}, {"divide_by_max": True}):
        model = small_model(**options)
        export(model, tmp_path / "model.onnx", preprocess=True)
        picture = np.full((9, 8, 3), value, np.uint8)
        image = picture.astype(np.float32) / 255
        for step in steps_of(model.preprocessing):
            image = step(image)
        (found,) = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"pixels": picture[None]})
        np.testing.assert_allclose(found[0], model.predict(np.moveaxis(image, 2, 0)), atol=1e-5)


def test_a_step_that_cannot_be_a_node(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the step Trim depends on what is in an image"):
        export(small_model(trim=True, resize=(9, 8)), tmp_path / "model.onnx", preprocess=True)
    assert list(tmp_path.iterdir()) == []


def test_weights_alone(run: Path, tmp_path: Path) -> None:
    model = load_model(run)
    for name in ("w.safetensors", "w.pth"):
        if name.endswith("pth"):
            pytest.importorskip("torch", reason="PyTorch is not installed")
        assert main(["export", str(run), "-o", str(tmp_path / name)]) == 0
        found = read_weights(tmp_path / name)
        assert found.keys() == model.parameters.keys()
        for key, array in found.items():
            np.testing.assert_array_equal(array, model.parameters[key])


def test_from_python(run: Path, tmp_path: Path) -> None:
    for model in (bp.open_run(run), run, bp.load(run)):
        written = bp.export(model, tmp_path / "model.onnx")
        assert written.path == tmp_path / "model.onnx"
        assert written.size == written.path.stat().st_size
        assert written.parameters == 610
    again = bp.load(tmp_path / "model.onnx")
    assert again.classes == load_model(run).classes
    assert again.preprocessing == load_model(run).preprocessing
    assert again.graph == load_model(run).graph


def test_pixels_are_read_as_what_they_were(run: Path, tmp_path: Path) -> None:
    """The nodes of preprocessing are left out again: the metadata say what they do."""
    bp.export(run, tmp_path / "model.onnx", preprocess=True)
    again, model = bp.load(tmp_path / "model.onnx"), load_model(run)
    assert again.graph == model.graph
    assert again.preprocessing == model.preprocessing
    x = np.random.default_rng(0).standard_normal((2, 36)).astype(np.float32)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_a_registered_model(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    options = ["--input", "3,16,16", "--classes", "a", "--classes", "b", "--model-option", "channels=2"]
    assert main(["export", "cnn", "-o", str(path), *options]) == 0
    assert said(path)["backproof.classes"] == '["a","b"]'


MISTAKES = [
    (["-o", "m.txt"], "--output m.txt must end in .onnx, .safetensors, .pth, .pt"),
    (["-o", "m.onnx", "--opset", "7"], "--opset 7: opsets 18 to "),
    (["-o", "m.pth", "--opset", "19"], "--opset is for .onnx, not for 'm.pth', which holds weights alone"),
    (["-o", "m.onnx", "--preprocess"], "--preprocess: nothing is known of the preprocessing of 'mlp'"),
    (["-o", "nowhere/m.onnx"], "cannot write 'nowhere/m.onnx': No such file or directory"),
]


@pytest.mark.parametrize(("tokens", "sentence"), MISTAKES, ids=[" ".join(tokens) for tokens, _ in MISTAKES])
def test_mistakes(
    tokens: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "mlp", "--input", "4", "--classes", "3", *tokens]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_wrong_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays, and a writer with a fault is found: here ReLU is written as Tanh."""
    from backproof.interchange.onnx.write import WRITERS

    path = tmp_path / "model.onnx"
    export(small_model(), path)
    before = path.read_bytes()
    monkeypatch.setitem(WRITERS, ReLU, lambda w, op, x: w("Tanh", x))
    with pytest.raises(UserError, match=r"ONNX Runtime makes of the file something else .* nothing was written"):
        export(small_model(), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.engines import registry

    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"'onnxruntime' is not installed; install it with"):
        export(small_model(), tmp_path / "model.onnx")
