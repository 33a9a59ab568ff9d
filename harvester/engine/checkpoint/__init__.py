"""What survives a crash: one SQLite file a job."""

from harvester.engine.checkpoint.books import SqliteBooks
from harvester.engine.checkpoint.census import (
    Census,
    Output,
    Trouble,
    count_targets,
    first_target,
    meta_of,
    rejected_lines,
    rejected_values,
    take_census,
    troubles,
)
from harvester.engine.checkpoint.database import (
    FILE_NAME,
    force_again,
    has_state,
    keep_in_one_file,
    make_tables,
    open_database,
    open_to_look,
    reading,
    transaction,
)
from harvester.engine.checkpoint.intake import Intake, RejectedLine, TargetLine, take_in
from harvester.engine.checkpoint.seal import SEAL_NAME, break_seal, leave_seal
from harvester.engine.checkpoint.sets import count_outside, count_sets
from harvester.engine.checkpoint.sqlite import SqliteCheckpoint
from harvester.engine.checkpoint.swap import (
    NEW,
    begin_swap,
    finish_swap,
    forget_new,
    is_swapping,
    refuse_while_swapping,
)

__all__ = [
    "FILE_NAME",
    "NEW",
    "SEAL_NAME",
    "Census",
    "Intake",
    "Output",
    "RejectedLine",
    "SqliteBooks",
    "SqliteCheckpoint",
    "TargetLine",
    "Trouble",
    "begin_swap",
    "break_seal",
    "count_outside",
    "count_sets",
    "count_targets",
    "finish_swap",
    "first_target",
    "force_again",
    "forget_new",
    "has_state",
    "is_swapping",
    "keep_in_one_file",
    "leave_seal",
    "make_tables",
    "meta_of",
    "open_database",
    "open_to_look",
    "reading",
    "refuse_while_swapping",
    "rejected_lines",
    "rejected_values",
    "take_census",
    "take_in",
    "transaction",
    "troubles",
]
