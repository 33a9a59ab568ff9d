"""A job's harvests as the engine sees them."""

from harvester.engine.render import Crop
from harvester.job import Job


def crops_of(job: Job) -> dict[str, Crop]:
    """Return the job's harvests as the engine sees them."""
    return {
        item.harvest.name: Crop(
            name=item.harvest.name,
            provider=item.harvest.provider,
            report=item.report.name,
            scope=item.harvest.scope,
            exchange=item.exchange,
            output=job.output_of(item.harvest.name),
            is_raw=job.config.rows == "raw",
            captured=f"replies/{item.harvest.name}.jsonl.zst" if job.config.capture else None,
            max_rows=item.harvest.max_rows,
            by_sets=item.sets is not None,
            feeds=tuple(stage for stage in job.stages.values() if stage.source == item.harvest.name),
        )
        for item in job.harvests
    }
