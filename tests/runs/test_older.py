"""Runs from before there were masks, numbers and other metrics are read, and go on."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.numpy import save_file

from backproof.runs.launch import resume, run
from backproof.runs.store import open_run
from backproof.train import Observer
from backproof.train.events import StepDone


def make_older(folder: Path) -> None:
    """The files of a run as they were written then."""
    record = json.loads((folder / "dataset.json").read_text())
    record["classes"] = record.pop("targets")["names"]
    (folder / "dataset.json").write_text(json.dumps(record))
    for name in ("last", "best"):
        with safe_open(folder / f"{name}.safetensors", framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        progress = json.loads(metadata["progress"])
        progress["correct"] = int(progress.pop("totals").get("accuracy", [0])[0])
        progress["best_cost"] = progress.pop("best_value")
        save_file(tensors, folder / f"{name}.safetensors", metadata | {"progress": json.dumps(progress)})


def test_an_older_run_goes_on_to_the_same_end(make_spec, assert_same_end) -> None:
    class Stop(Observer):
        def step_done(self, event: StepDone) -> None:
            if event.progress.step == 8:
                raise KeyboardInterrupt

    whole = run(make_spec(name="whole", early_stopping=2))
    try:
        run(make_spec(name="cut", early_stopping=2, checkpoint_every=1), [Stop()])
    except KeyboardInterrupt:
        folder = whole.path.parent / "cut"
    make_older(folder)
    older = open_run(folder)
    assert older.dataset.targets == whole.dataset.targets
    assert older.checkpoint().progress.totals["accuracy"][1] == older.checkpoint().progress.samples > 0
    resume(folder)
    assert_same_end(open_run(folder), whole)
