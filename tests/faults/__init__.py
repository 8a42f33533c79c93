"""Faults on purpose, over real sockets.

``test_rules``, ``test_injector``: what the embedded registry does with a file of faults.
``test_crossed``: every fault (``faults.py``) crossed with every action (``actions.py``) of every table, run
by the command line in this process; what must hold of each run is in ``judge.py``.
``test_random``, ``random_runs``: runs drawn from a seed (``drawn.py``), with clients that are processes
(``clients.py``), race each other and are killed at a chosen call (``watch.py``); what must hold of them is in
``random_run.py``, by what the registry's file holds (``truth.py``) and what a dead client's journal says
(``leavings.py``).
"""
