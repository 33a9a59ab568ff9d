"""The composition root: makes every part of a run from a job, and runs it. Knows all concrete classes."""

from harvester.assembly.check import AccountCheck, Checked, check_job
from harvester.assembly.differing import Comparison, Difference
from harvester.assembly.keys import all_credentials
from harvester.assembly.library import harvest, job_run
from harvester.assembly.plan import (
    Bill,
    HarvestPlan,
    ListDatabase,
    Plan,
    ProviderPlan,
    Range,
    Targets,
    listed,
    plan_job,
    read_all_targets,
)
from harvester.assembly.rebuild import Rebuilt, compare_job, rebuild_elsewhere, rebuild_job
from harvester.assembly.run import Outcome, ProviderProgress, Run, RunOptions, opened_run
from harvester.assembly.sized_plan import plan_with_sizes
from harvester.assembly.sizes import Sizes, bought_bill, set_aside, sizes_fit, sizing_config, take_sizes
from harvester.assembly.speed import Speed
from harvester.assembly.status import Status, read_status
from harvester.assembly.surroundings import Surroundings, SystemClock, standard_input
from harvester.inheritance import next_round, told

__all__ = [
    "AccountCheck",
    "Bill",
    "Checked",
    "Comparison",
    "Difference",
    "HarvestPlan",
    "ListDatabase",
    "Outcome",
    "Plan",
    "ProviderPlan",
    "ProviderProgress",
    "Range",
    "Rebuilt",
    "Run",
    "RunOptions",
    "Sizes",
    "Speed",
    "Status",
    "Surroundings",
    "SystemClock",
    "Targets",
    "all_credentials",
    "bought_bill",
    "check_job",
    "compare_job",
    "harvest",
    "job_run",
    "listed",
    "next_round",
    "opened_run",
    "plan_job",
    "plan_with_sizes",
    "read_all_targets",
    "read_status",
    "rebuild_elsewhere",
    "rebuild_job",
    "set_aside",
    "sizes_fit",
    "sizing_config",
    "standard_input",
    "take_sizes",
    "told",
]
