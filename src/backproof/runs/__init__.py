"""Runs: what a run is, where it is kept, how it is put together and how it is read back.

The modules: `spec` (what), `toml` (as a file), `prepare` and `launch` (put together and trained), `writer` and
`store` (kept and read back).
"""
