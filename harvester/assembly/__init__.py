"""The composition root: makes every part of a run from a job, and runs it. Knows all concrete classes."""
