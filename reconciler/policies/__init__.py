"""A team's own JSON Schemas over its manifests.

::

    jsontree.py   JSON text to trees whose nodes know their place, numbers as Decimals
    patterns.py   regular expressions as JSON Schema means them
    rules.py      JSON Schema 2020-12 with exact numbers, and our words for what it finds
    library.py    which files are policies, and what they may refer to: the folder of reconciler.yaml alone
    check.py      manifests against policies, within a limit of time

Only `check.check_policies` is for others. It is imported where there are policies: to load jsonschema takes
a while.
"""
