"""The rules that propose properties, the likeliest to find something first."""

from augment.generation.property.properties import Rule
from augment.generation.property.rules.commutativity import Commutativity
from augment.generation.property.rules.documented import Documented
from augment.generation.property.rules.equivalence import Equivalence, Reference
from augment.generation.property.rules.exceptions import Exceptions
from augment.generation.property.rules.idempotence import Idempotence, Involution
from augment.generation.property.rules.invariants import Bounds, Invariants, Untouched
from augment.generation.property.rules.laws import Laws
from augment.generation.property.rules.metamorphic import Arithmetic, Distinction, Insensitivity, Permutation
from augment.generation.property.rules.round_trip import RoundTrip
from augment.generation.property.rules.undoing import Filling, Undoing

RULES: tuple[Rule, ...] = (
    Laws(),
    Documented(),
    RoundTrip(),
    Undoing(),
    Filling(),
    Equivalence(),
    Reference(),
    Involution(),
    Idempotence(),
    Invariants(),
    Commutativity(),
    Insensitivity(),
    Permutation(),
    Arithmetic(),
    Distinction(),
    Exceptions(),
    Bounds(),
    Untouched(),
)

__all__ = ["RULES"]
