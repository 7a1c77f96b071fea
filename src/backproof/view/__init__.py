"""What people see of runs: tables and progress in the terminal, and the report page."""
