"""One suite that every adapter passes: each table of each kind in ``KINDS``, in this process and on a socket.

A kind that is registered is in the suite by itself, and fails it until it has a subject. To add one, write
``subjects/<kind>.py`` with ``SUBJECT = Subject(...)`` (``subject.py`` describes every field). It says only
what the tables do not: what to seed, where lists and their pages are, which errors and limits are
documented, which keys the reference page has. Manifests, edits and what is expected of them follow from
the rows.

1. ``listings``: for each resource, the call that reads it, and the list of objects in a decoded answer.
2. ``vendors``: what to seed so that there is an object of the vendor's, and by which name it is known.
3. ``errors``, ``limits``, ``pages``: what the vendor documents. Statuses, HTML, empty bodies and the usual
   headers of a 429 need no line: they are tried with every kind.
4. ``facts``, by variant, where a table needs them: values that the registry takes where any other would
   be refused, fields that cannot stand together. Every table that makes objects needs ``keys``: those of the
   reference page, from ``tests/data``.

Then run ``python -m pytest tests/conformance -k '<kind>'``. A value that the registry turns down is a line
in ``values``; a failure that no such line explains is a mistake in the table, the client or the embedded
registry.
"""
