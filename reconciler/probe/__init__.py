"""Probes the upstreams that manifests declare: what an endpoint does, beside what is declared of it.

::

    results.py    what a probe has seen, and the exit code of a run
    targets.py    manifests -> targets: overrides applied, each distinct upstream once
    requests.py   the requests of a probe: at most one of each, never tried again
    reading.py    answer -> what it shows
    calls.py      sends the requests of a target one after another
"""
