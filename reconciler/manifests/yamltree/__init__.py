"""YAML text to documents in which every node knows its place.

The text is read as YAML 1.2 core: ``no``, ``on`` and ``12:30`` are strings, ``1e-06`` is a number, a
duplicate key is a mistake. The merge key ``<<`` is the one extension. PyYAML's own loaders follow
YAML 1.1, so this module builds on libyaml's events instead.

Bad content never raises: it becomes a Problem, and reading goes on. A document with a mistake is still
returned, in its best reading, so that later checks find the rest in the same run; what has no reading
at all is ``UNREADABLE``. Whoever uses a document must have seen that there are no problems.

::

    tree.py      what a reader gets: documents whose nodes know their place
    scalars.py   what an unquoted scalar means
    builder.py   libyaml's events to trees
    mistakes.py  mistakes with place and hint; our words for libyaml's errors
    reading.py   bytes to documents, from one document to the next
"""

from reconciler.manifests.yamltree.reading import parse
from reconciler.manifests.yamltree.tree import (
    DEFAULT_LIMITS,
    UNREADABLE,
    Document,
    Limits,
    Lines,
    Map,
    Seq,
    locate,
)

__all__ = ["DEFAULT_LIMITS", "UNREADABLE", "Document", "Limits", "Lines", "Map", "Seq", "locate", "parse"]
