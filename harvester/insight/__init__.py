"""Answers from a job directory: what reads its files with DuckDB, as tables. Needs the extra `insight`."""
