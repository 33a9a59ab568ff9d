"""The composition root: makes every part of a run from a job, and runs it. Knows all concrete classes."""

from harvester.assembly.check import AccountCheck, Checked, check_job
from harvester.assembly.differing import Comparison, Difference
from harvester.assembly.keys import all_credentials
from harvester.assembly.library import harvest, job_run
from harvester.assembly.plan import HarvestPlan, Plan, Range, Targets, plan_job, read_all_targets
from harvester.assembly.rebuild import Rebuilt, compare_job, rebuild_elsewhere, rebuild_job
from harvester.assembly.run import Outcome, ProviderProgress, Run, RunOptions, opened_run
from harvester.assembly.sizes import plan_with_sizes, sizing_config
from harvester.assembly.speed import Speed
from harvester.assembly.status import Status, read_status
from harvester.assembly.surroundings import Surroundings, SystemClock, standard_input

__all__ = [
    "AccountCheck",
    "Checked",
    "Comparison",
    "Difference",
    "HarvestPlan",
    "Outcome",
    "Plan",
    "ProviderProgress",
    "Range",
    "Rebuilt",
    "Run",
    "RunOptions",
    "Speed",
    "Status",
    "Surroundings",
    "SystemClock",
    "Targets",
    "all_credentials",
    "check_job",
    "compare_job",
    "harvest",
    "job_run",
    "opened_run",
    "plan_job",
    "plan_with_sizes",
    "read_all_targets",
    "read_status",
    "rebuild_elsewhere",
    "rebuild_job",
    "sizing_config",
    "standard_input",
]
