"""What the reconciler costs, against a floor, the naive way and a peer: ``make bench``, docs/performance.md.

models.py        a catalogue of N models, drawn from the mix of examples/catalog
manifests.py     the same as a folder of manifests
live.py          the same as the registries show it, whole or with some of it changed
server.py        a registry that answers from memory
flood.py         loads that server harder than any run does
floor.py         the least that any tool of this kind must do
naive.py         the same with the usual packages, put together the usual way
octodns_peer.py  octoDNS on as many records with as many bytes of YAML
measure.py       runs commands; wall, CPU and memory of each
stages.py        the steps of a plan, one by one, in one process
report.py        docs/performance.md, its plot, and the figures as JSON
"""
