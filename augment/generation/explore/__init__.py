"""Many calls, few tests: the search for inputs that cover what nothing covers and notice what nothing notices."""

from augment.generation.explore.explorer import Explorer
from augment.generation.explore.sketch import opened

__all__ = ["Explorer", "opened"]
