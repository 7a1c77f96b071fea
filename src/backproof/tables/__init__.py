"""Tables as values, and how their numbers are written; `view` has a renderer for the terminal and one for pages."""

from backproof.tables.numbers import Unit
from backproof.tables.table import Better, Cell, Column, Table, Value, best_places

__all__ = ["Better", "Cell", "Column", "Table", "Unit", "Value", "best_places"]
