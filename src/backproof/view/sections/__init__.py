"""The chapters of the report page, each a function from runs to HTML."""
