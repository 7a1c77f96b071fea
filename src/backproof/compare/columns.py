"""The figures by which runs are compared: what each is called, how it is read, and which way is better."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["text", "count", "ratio", "cost", "fraction", "number", "epoch", "seconds", "megabytes"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Column:
    """One figure of every run.

    Attributes:
        key: the attribute of `Row` that holds it.
        group: the heading that it shares with its neighbours, or "".
        title: its own heading.
        short: both headings in two lines as narrow as can be, unit included.
        unit: what the number counts; views choose the digits by it.
        better: which values are good, or None where that is no question.
        meaning: one sentence for people.
    """

    key: str
    group: str
    title: str
    short: str
    unit: Unit
    better: Better | None
    meaning: str

    @property
    def heading(self) -> str:
        """Group and title in one: "train accuracy"."""
        return f"{self.group} {self.title}".strip()


COLUMNS: tuple[Column, ...] = (
    Column("model", "", "model", "\nmodel", "text", None, "The network."),
    Column("engine", "", "engine", "\nengine", "text", None, "Who computed."),
    Column("optimizer", "", "optimizer", "\noptimizer", "text", None, "The optimizer and its learning rate."),
    Column("parameters", "parameters", "count", "\nparams", "count", None, "Trainable numbers in the network."),
    Column(
        "parameters_per_sample", "parameters", "per sample", "params\n/sample", "ratio", None, "Per training sample."
    ),
    Column("train_cost", "train", "cost", "train\ncost", "cost", "lower", "Loss and L2 penalty."),
    Column("train_accuracy", "train", "accuracy", "train\nacc %", "fraction", "higher", "Share told right."),
    Column("dev_cost", "dev", "cost", "dev\ncost", "cost", "lower", "Loss and L2 penalty."),
    Column("dev_accuracy", "dev", "accuracy", "dev\nacc %", "fraction", "higher", "Share told right."),
    Column(
        "early_stop_epoch", "", "early stop", "early\nstop", "epoch", None, "Epoch at which early stopping is marked."
    ),
    Column("avoidable_bias", "", "avoidable bias", "bias\n%", "fraction", "lower", "1 − train accuracy."),
    Column("variance", "", "variance", "var.\n%", "fraction", "lower", "Train accuracy − dev accuracy."),
    Column("test_accuracy", "test", "accuracy", "test\nacc %", "fraction", "higher", "Share told right."),
    Column("test_macro_f1", "test", "macro F1", "test\nF1 %", "fraction", "higher", "Mean of F1 over the classes."),
    Column("seconds", "", "time", "\ntime", "seconds", "lower", "Wall-clock time of the training."),
    # Of memory none is better: in one process the first run would always win.
    Column(
        "peak_memory_mb",
        "",
        "peak memory",
        "peak\nMB",
        "megabytes",
        None,
        "Most memory of the whole process so far: a later run of one command shows no less than those before it.",
    ),
)
