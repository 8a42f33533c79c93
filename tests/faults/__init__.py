"""Faults on purpose, over real sockets.

``test_rules``, ``test_injector``: what the embedded registry does with a file of faults.
``test_crossed``: every fault (``faults.py``) crossed with every action (``actions.py``) of every table, run
by the command line in this process; what must hold of each run is in ``judge.py``.
"""
