"""dlt: the REST API source, with the targets as a parent resource, into JSON Lines by the filesystem destination.

Follows https://dlthub.com/docs/dlt-ecosystem/verified-sources/rest_api/basic ("Pagination": `page_number`; "Define
resource relationships": "Via query string parameters"; "Define a resource which is not a REST endpoint") and
https://dlthub.com/docs/dlt-ecosystem/destinations/filesystem (`bucket_url`, file format `jsonl`, no compression).

Resumed by running the same pipeline again, https://dlthub.com/docs/running-in-production/running ("Handle exceptions,
failed jobs, and retry the pipeline"): what was extracted as a whole is loaded, anything less is extracted anew. There
is no rate to set: a 429 is tried again after growing delays, https://dlthub.com/docs/general-usage/http/requests.
"""

from collections.abc import Iterator

import dlt
from dlt.sources.rest_api import rest_api_source

from benchmarks.peers.arguments import PAGES, Arguments, parsed


def run(given: Arguments) -> None:
    """Extract, normalize and load the links of all targets."""

    @dlt.resource(selected=False)
    def targets() -> Iterator[list[dict[str, str]]]:
        yield [{"name": target} for target in given.targets]

    source = rest_api_source(
        {
            "client": {
                "base_url": given.url,
                "paginator": {"type": "page_number", "base_page": 1, "total_path": None, "maximum_page": PAGES + 1},
            },
            "resources": [
                {
                    "name": "links",
                    "endpoint": {
                        "path": "links",
                        "params": {"target": "{resources.targets.name}"},
                        "data_selector": "result.data",
                    },
                },
                targets(),
            ],
        }
    )
    dlt.config["normalize.data_writer.disable_compression"] = True
    pipeline = dlt.pipeline(
        pipeline_name="links",
        pipelines_dir=str(given.state),
        destination=dlt.destinations.filesystem(bucket_url=given.output.absolute().as_uri()),
        dataset_name="links",
    )
    pipeline.run(source, loader_file_format="jsonl")


if __name__ == "__main__":
    run(parsed(__doc__))
