"""The config file of a job: TOML in, frozen values or all of its faults out (design.md, section 3).

document   bytes to plain values
tables     which keys a table has, as pydantic models
fields     what a single value means
faults     what to say about one that does not fit
loading    all of it together
keys       the secret behind "env:NAME" and "file:PATH"
"""

from harvester.config.document import document_of
from harvester.config.faults import harvest_fault
from harvester.config.keys import resolve_key, resolve_login
from harvester.config.loading import default_name, job_of, load
from harvester.config.values import FileFormat, JobConfig, ProviderConfig, RowsForm

__all__ = [
    "FileFormat",
    "JobConfig",
    "ProviderConfig",
    "RowsForm",
    "default_name",
    "document_of",
    "harvest_fault",
    "job_of",
    "load",
    "resolve_key",
    "resolve_login",
]
