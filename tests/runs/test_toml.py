"""Specifications as TOML: there and back, several in one file, and errors that help."""

import tomllib
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.data.options import AugmentationOptions, DataOptions, PreprocessingOptions
from backproof.errors import UserError
from backproof.runs.options import Options, spec_from_options
from backproof.runs.spec import (
    EngineOptions,
    ModelOptions,
    OptimizerOptions,
    OutputOptions,
    RunSpec,
    TrainingOptions,
    tables,
)
from backproof.runs.stub import PATH, stub
from backproof.runs.toml import load_experiments, merge_tables, read_tables, spec_from_tables, to_toml

numbers = st.floats(0, 1e6, allow_nan=False)
given_or_not = st.none() | numbers
text = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=("Cc", "Cs")), max_size=9)

specs = st.builds(
    RunSpec,
    data=st.builds(
        DataOptions,
        dataset=text.filter(bool),
        split=st.sampled_from([(0.7, 0.15, 0.15), (50000, 10000), (1.0,)]),
        select=st.sampled_from(["", "1,3,5-8"]),
        data_seed=st.integers(0, 2**40),
        skip_bad_images=st.booleans(),
    ),
    preprocessing=st.builds(PreprocessingOptions, grayscale=st.booleans(), resize=st.sampled_from([(), (16, 16)])),
    augmentation=st.builds(AugmentationOptions, clone=st.integers(1, 9), noise=numbers),
    model=st.builds(
        ModelOptions,
        model=text,
        layers=st.none() | st.lists(st.integers(1, 999)).map(tuple),
        batch_norm=st.none() | st.booleans(),
        dropout=given_or_not,
        model_option=st.lists(text).map(tuple),
    ),
    engine=st.builds(EngineOptions, dtype=st.sampled_from(["float32", "float64"]), threads=st.integers(0, 64)),
    optimizer=st.builds(OptimizerOptions, learning_rate=given_or_not, decay=st.sampled_from([None, "decoupled"])),
    training=st.builds(
        TrainingOptions,
        epochs=st.integers(0, 1000),
        batch_size=st.integers(1, 1000) | st.just("full"),
        anomaly_checks=st.sampled_from(["off", "pdb"]),
    ),
    output=st.builds(OutputOptions, name=text, track_layer=st.lists(text).map(tuple), profile=st.booleans()),
)


@settings(deadline=None)
@given(specs)
def test_there_and_back(spec: RunSpec) -> None:
    assert spec_from_tables(tomllib.loads(to_toml(spec))) == spec


def test_what_is_written_holds_the_defaults() -> None:
    few = spec_from_tables({"training": {"epochs": 3}})
    assert to_toml(few) == to_toml(RunSpec(training=TrainingOptions(epochs=3)))
    assert "batch_size = 64" in to_toml(few)


EXPERIMENTS = """
[data]
dataset = "colors"
[training]
epochs = 3
batch_size = "full"

[[experiment]]
[experiment.model]
layers = [64]

[[experiment]]
[experiment.training]
epochs = 5
"""


def test_experiments_share_what_stands_at_the_top(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(EXPERIMENTS)
    first, second = load_experiments(file)
    assert (first.model.layers, first.training.epochs, first.data.dataset) == ((64,), 3, "colors")
    assert (second.model.layers, second.training.epochs, second.data.dataset) == (None, 5, "colors")
    assert second.training.batch_size == "full"
    over = merge_tables(read_tables(file)[1], {"training": {"epochs": 9}, "engine": {"engine": "torch"}})
    spec = spec_from_tables(over)
    assert (spec.training.epochs, spec.training.batch_size, spec.engine.engine) == (9, "full", "torch")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[modl]\nlayers = [3]", r"unknown table in .*bad.toml 'modl'; did you mean model\?"),
        ("[model]\nlayer = [3]", r"unknown key of \[model\] in .*bad.toml 'layer'; did you mean layers"),
        ("[[experiment]]\n[experiment.trainig]\nepochs = 3", r"'trainig'; did you mean training\?"),
        ("[[experiment]]\n[experiment.training]\nepoch = 3", r"'epoch'; did you mean epochs"),
        ("[training]\nepochs = '3'", r"bad.toml: \[training\] epochs: expected `int`, got `str`"),
        ("[training]\nepochs = 2.5", r"bad.toml: \[training\] epochs: expected `int`, got `float`"),
        ("[training]\nepochs = -1", r"^.*bad.toml: \[training\] epochs is -1; it must be 0 or more$"),
        ("[training]\nanomaly_checks = 'eror'", r"bad.toml: \[training\] anomaly_checks is 'eror'; did you mean error"),
        ("[model]\nlayers = [64, 'x']", r"bad.toml: \[model\] layers\[1\]: expected `int`, got `str`"),
        ("model = 'mlp'", r"'model' in .*bad.toml is a table: write \[model\]"),
        ("[experiment]\nmodel = 3", r"written \[\[experiment\]\]"),
        ("[model", "bad.toml' is no TOML file"),
    ],
)
def test_mistakes(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(content)
    with pytest.raises(UserError, match=message):
        load_experiments(file)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.toml' cannot be read: No such file"):
        load_experiments(tmp_path / "none.toml")


def test_flat_options_are_those_of_the_tables() -> None:
    flat = [name for options in tables().values() for name in options]
    assert list(get_type_hints(Options)) == flat
    assert spec_from_options({"layers": [3], "epochs": 2}) == RunSpec(
        model=ModelOptions(layers=(3,)), training=TrainingOptions(epochs=2)
    )
    with pytest.raises(UserError, match="unknown option 'batchsize'; did you mean batch_size"):
        spec_from_options({"batchsize": 3})


def test_the_stub_is_current() -> None:
    assert PATH.read_text() == stub(), "write it anew: python -m backproof.runs.stub"


def test_an_option_under_both_of_its_names(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    path.write_text('[training]\nhealth_checks = "warn"\nanomaly_checks = "off"\n')
    with pytest.raises(UserError, match=r"has 'anomaly_checks' twice, once under another name"):
        load_experiments(path)
