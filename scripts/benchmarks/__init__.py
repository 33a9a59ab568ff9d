"""The benchmarks: harvester beside a loop that promises nothing, and beside other tools, on the same pages."""
