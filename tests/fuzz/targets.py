"""Every target, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from .answers import KINDS_OF_ANSWERS
from .files import Configs, Manifests, Usage
from .plans import Plans
from .runner import Target

TARGETS: Mapping[str, Target] = {
    target.name: target for target in (Manifests(), Plans(), *KINDS_OF_ANSWERS, Configs(), Usage())
}
