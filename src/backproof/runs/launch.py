"""Running: from a specification to a run kept in its folder, and from a folder on to the run's end."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from backproof.errors import OptionError, RunError, UserError, named
from backproof.graph import Array
from backproof.runs.checks.anomaly import AnomalyCheck
from backproof.runs.checks.gradients import GradientChecks, float64_twin
from backproof.runs.checks.lockstep import Lockstep, second_trainer
from backproof.runs.differences import continued
from backproof.runs.dump import DumpBatches
from backproof.runs.environment import environment, now
from backproof.runs.lock import only_writer
from backproof.runs.log import Log
from backproof.runs.outcome import counts, ended, measured
from backproof.runs.prepare import Datasets, Prepared, note_of_last_batch, prepare
from backproof.runs.profile import FlameGraph, require_profiler, write_node_times
from backproof.runs.spec import RunSpec
from backproof.runs.steps import StepRecorder
from backproof.runs.store import DatasetRecord, Run, RunResult, open_run
from backproof.runs.toml import tables_of
from backproof.runs.tracking import ShownSamples, TrackedLayers
from backproof.runs.use import again, check_session, keep, load, parts, replaced
from backproof.runs.writer import Extra, RunWriter, check_name, create_folder, default_name, rewind
from backproof.train.checkpoint import Checkpoint
from backproof.train.events import Observer, RunFinished, RunStarted, notify
from backproof.train.interruption import Interruption
from backproof.train.loop import fit
from backproof.train.progress import Progress


def run(spec: RunSpec, observers: Sequence[Observer] = ()) -> Run:
    """Train what `spec` says, and keep it under its runs folder.

    SIGINT and SIGTERM end it after the step under way, with everything kept; its status is then "interrupted".
    Raises `UserError` for everything in `spec` that does not fit: then nothing is written.
    """
    return _run(spec, Datasets(), observers)


def run_all(specs: Sequence[RunSpec], observers: Sequence[Observer] = ()) -> list[Run]:
    """Several runs, one after the other, once all of them are known to be good.

    An interrupted run ends the list. Raises `UserError` as `run` does.
    """
    datasets = Datasets()
    # The first run is prepared now anyway, before it writes anything. What is made of the others is let go and made
    # again in their turn: that takes a second for a ResNet-18, while the trainers of all might not fit in memory.
    for spec in specs[1:]:
        extras_of(prepare(spec, datasets))
    runs: list[Run] = []
    for spec in specs:
        runs.append(_run(spec, datasets, observers))
        if runs[-1].status == "interrupted":
            break
    return runs


def _run(spec: RunSpec, datasets: Datasets, observers: Sequence[Observer]) -> Run:
    prepared = prepare(spec, datasets)
    extras = extras_of(prepared)
    progress = Progress()
    folder, spec = create_folder(
        spec,
        environment(spec.engine.engine),
        dataset_record(prepared),
        prepared.graph,
        Checkpoint.of(prepared.trainer, progress),
        lambda building: keep(building, tables_of(spec), own_parts(prepared)),
    )
    with only_writer(folder):
        return _train(replace(prepared, spec=spec), folder, extras, progress, observers)


def repeats(spec: RunSpec, count: int) -> list[RunSpec]:
    """The same run with model seeds one apart, the first unchanged; equal names get a suffix when they are kept."""
    if count < 1:
        raise OptionError("{repeat} is {}; it must be 1 or more", count)
    seed = spec.model.model_seed
    return [replace(spec, model=replace(spec.model, model_seed=seed + i)) for i in range(count)]


def own_parts(prepared: Prepared) -> list[Any]:
    """What the run's user wrote of it."""
    return parts(prepared.graph, prepared.optimizer, prepared.task.metrics, prepared.spec)


def resume(
    path: str | Path, observers: Sequence[Observer] = (), spec: RunSpec | None = None, *, use_kept: bool = False
) -> Run:
    """Go on exactly where the last checkpoint of a run stands, whatever ended it.

    `spec` may ask for more epochs, other checks and outputs; see `backproof.runs.differences.continued`.
    `use_kept`: go on with the copies of the user's own files that the run keeps.
    Raises `UserError` if it differs otherwise, if data or files have changed, or if there is nothing left to do.
    """
    with only_writer(open_run(path).path):
        old = open_run(path, use_kept=use_kept)
        with again(old.path, tables_of(old.spec), kept=use_kept):
            return _resume(old, observers, spec)


def _resume(old: Run, observers: Sequence[Observer], spec: RunSpec | None) -> Run:
    kept = old.spec
    spec = continued(kept, spec if spec is not None else kept)
    checkpoint = old.checkpoint()
    progress = checkpoint.progress
    if old.status == "finished" and (progress.stopped or progress.epoch > spec.training.epochs):
        more = "it was stopped early" if progress.stopped else named("to go on, ask for more {epochs}")
        raise RunError(f"run '{old.name}' has finished after {progress.epoch - 1} epochs; {more}")
    prepared = prepare(spec, resumed=old.read_graph())
    if prepared.data.fingerprint != old.dataset.fingerprint:
        raise RunError(f"run '{old.name}' cannot go on: dataset '{spec.data.dataset}' is not what it was when it began")
    check_session(old.path, own_parts(prepared), tables_of(spec))
    extras = extras_of(prepared)
    if spec.training.keep_best and progress.best_epoch is not None:
        old.checkpoint("best")  # needed in the end, so it must be whole now
    prepared.trainer.load(checkpoint.parameters)
    prepared.trainer.load_optimizer_state(prepared.optimizer, checkpoint.optimizer)
    rewind(old, progress.epoch - 1, progress.step, spec, now())
    return _train(prepared, old.path, extras, progress, observers)


def extras_of(prepared: Prepared) -> list[Extra]:
    """What is kept of each epoch. Raises `UserError` for an output or a check that does not fit the run."""
    output = prepared.spec.output
    check_name(output.name or default_name(prepared.spec))
    if output.profile:
        require_profiler()
    if prepared.spec.training.gradient_checks != "off":
        float64_twin(prepared)  # some devices have no float64: better said now than in the middle of a run
    if prepared.spec.training.check_against:
        second_trainer(prepared)
    if output.show_samples and not len(prepared.data.dev):
        raise OptionError("{show_samples} shows dev samples; give the dev partition a share with {split}")
    shown = ShownSamples(prepared.data.dev, output.show_samples, prepared.task)
    return [TrackedLayers(prepared.graph, output.track_layer), lambda event: shown(event.trainer)]


def dataset_record(prepared: Prepared) -> DatasetRecord:
    """What is kept of the data."""
    data = prepared.data
    return DatasetRecord(
        name=data.name,
        targets=data.targets,
        train=len(data.train),
        dev=len(data.dev),
        test=len(data.test),
        input_shape=data.train.x.shape[1:],
        skipped=data.skipped,
        fingerprint=data.fingerprint,
        image_shape=data.image_shape,
        notes=data.notes,
    )


def notes(prepared: Prepared) -> tuple[str, ...]:
    """What the user should know before training begins, one sentence each."""
    data, output = prepared.data, prepared.spec.output
    found = list(data.notes)
    if note := note_of_last_batch(prepared.batches.sizes):
        found.append(note)
    if data.skipped:
        found.append(f"{len(data.skipped)} images cannot be read and are left out; dataset.json lists them")
    if output.profile and not prepared.engine.capabilities.node_times:
        found.append(
            f"profile: engine '{prepared.engine.name}' does not measure the time of each node; no profile.json"
        )
    if not prepared.engine.capabilities.replaceable and (kinds := replaced(load(tables_of(prepared.spec)))):
        names = ", ".join(kind.__name__ for kind in kinds)
        found.append(f"your own {names} computes in numpy and numba alone; '{prepared.engine.name}' takes its own")
    return tuple(found)


def _train(
    prepared: Prepared, folder: Path, extras: Sequence[Extra], progress: Progress, observers: Sequence[Observer]
) -> Run:
    """Train, and write how it ended, whatever happens."""
    writer = RunWriter(folder, prepared.spec.output.checkpoint_every, extras)
    with ExitStack() as stack:
        # The writer first: when another one raises, all is kept already.
        everyone: list[Observer] = [writer, StepRecorder(folder, prepared.optimizer.rate)]
        checks = None
        try:
            checks = _own_observers(prepared, folder, everyone, stack)
            everyone += observers
            result, arrays = _train_and_measure(prepared, folder, progress, everyone)
        except KeyboardInterrupt:
            writer.finish(ended(prepared, progress, "interrupted", checks))
            raise
        except Exception as error:
            with suppress(UserError):  # a full disk may be the very reason; the reason is what must be said
                writer.finish(ended(prepared, progress, "failed", checks, error=str(error)))
            raise
        result = replace(result, gradient_checks=counts(checks))
        writer.finish(result, arrays)
        notify(everyone, RunFinished(folder.name, folder, result.status, result.seconds))
    return Run(folder)


def _own_observers(
    prepared: Prepared, folder: Path, everyone: list[Observer], stack: ExitStack
) -> GradientChecks | None:
    """Add the observers that the specification asks for to `everyone`; `stack` closes them."""
    spec, checks = prepared.spec, None
    if spec.output.debug:
        log = Log(folder)
        stack.callback(log.close)
        everyone.append(log)
    if spec.output.dump_batches:
        everyone.append(DumpBatches(Path(spec.output.dump_batches), prepared.data.targets))
    if spec.training.gradient_checks != "off":
        checks = GradientChecks(prepared, lambda event: notify(everyone, event))
        everyone.append(checks)
    if spec.training.check_against:
        everyone.append(Lockstep(prepared, lambda event: notify(everyone, event)))
    if spec.output.profile:
        write_node_times(prepared, folder)
        flame_graph = FlameGraph(folder)
        stack.callback(flame_graph.close)
        everyone.append(flame_graph)
    return checks


def _train_and_measure(
    prepared: Prepared, folder: Path, progress: Progress, everyone: list[Observer]
) -> tuple[RunResult, dict[str, Array]]:
    """How it ended, and arrays of the final weights."""
    spec, data, batches, trainer = prepared.spec, prepared.data, prepared.batches, prepared.trainer
    training = spec.training
    watch = None
    if training.anomaly_checks != "off":
        watch = AnomalyCheck(training.anomaly_checks, progress, lambda problem: notify(everyone, problem))
    started = RunStarted(
        name=folder.name,
        folder=folder,
        engine=prepared.engine,
        graph=prepared.graph,
        trainer=trainer,
        epochs=training.epochs,
        batches_per_epoch=batches.batches_per_epoch,
        samples_per_epoch=batches.samples_per_epoch,
        progress=progress,
        task=prepared.task,
        follow=prepared.follow,
        classes=data.classes,
        notes=notes(prepared),
    )
    notify(everyone, started)
    with Interruption() as interruption:
        done = fit(
            trainer,
            prepared.optimizer,
            batches,
            progress,
            task=prepared.task,
            follow=prepared.follow,
            epochs=training.epochs,
            seed=spec.model.model_seed,
            dev=data.dev if training.eval_dev and len(data.dev) else None,
            early_stopping=training.early_stopping,
            stop_early=training.stop_early,
            watch=watch,
            observers=everyone,
            interruption=interruption,
        )
        if not done:
            return ended(prepared, progress, "interrupted"), {}
        if training.keep_best and progress.best_epoch is not None:
            trainer.load(Checkpoint.read(folder / "best.safetensors").parameters)
        return measured(prepared, ended(prepared, progress, "finished"))
