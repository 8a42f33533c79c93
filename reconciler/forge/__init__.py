"""Forges: where changes are proposed, reviewed and merged.

::

    interface.py    what every forge can do for a review
    environment.py  which forge, repository and request a run in CI is about
    calls.py        requests to a forge's API, and what goes wrong with them
    github.py       GitHub: comments, check runs
    gitlab.py       GitLab: notes, commit statuses
"""
