"""`backproof check`: prove that implementations are right, from one operation to a whole training run."""

from cyclopts import App

app = App(name="check", help="Hold operations, optimizers, models and runs of all engines against a judge.")
app.command("backproof.cli.check_model:model", name="model", help="Check a model node by node, engine against engine.")
app.command("backproof.cli.check_model:run", name="run", help="Check a run: its checkpoint, on its own data.")
