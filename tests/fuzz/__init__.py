"""Mutated input for everything that reads: files, plan files, the answers of registries.

``python -m tests.fuzz TARGET --seconds 600 --seed 1`` from the top folder; ``make fuzz`` runs all of them.
Whatever an input ends in that is no error of the tool's own, or takes longer than `runner.CPU_SECONDS`, is a
finding. It is saved below .cache/fuzz/, and printed with the command that runs it again.

::

    mutation.py   trees and bytes, changed at random; odd values from Hypothesis
    runner.py     inputs until the time is over, limits of time and memory, findings
    clock.py      pauses that take no time
    stage.py      the folder, and real answers of the embedded registries
    files.py      targets: manifests, reconciler.yaml and acknowledgements, usage
    plans.py      target: plan files
    answers.py    targets: the answers of each kind of registry
"""
