"""The record of applies: what a run was about to send, and what became of it.

One file of JSON lines for each run, which is only ever appended to:

- ``records``: what the lines say; schemas/journal.schema.json is generated from it
- ``writing``: the file of the run that is under way; what is announced is on the disk before it is sent
- ``reading``: the files of earlier runs
- ``aftermath``: what a run that did not end has left behind, by a plan that was made since
- ``applied``: when an object was last as declared, and what was sent to it
- ``loops``: changes that come back although they are applied again and again
- ``actor``, ``lock``: who runs it, and that nobody else does from this checkout
"""
