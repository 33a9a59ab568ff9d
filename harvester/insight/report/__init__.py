"""The report: one HTML file that shows a job, from questions over its views to a page that asks nobody for anything.

`questions` are the SQL texts, `asking` puts them to the views, each module of `parts` turns the answers into one part
of the page, `charts` and `drawing` draw, and `page` writes it all down.
"""
