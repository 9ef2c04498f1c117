"""The parts of a theorem: its claims, their assumptions and their certificates."""

from moetheory.claims.assumptions import Assumption
from moetheory.claims.certificates import Certificate, certify
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.statements import claim
from moetheory.claims.symbols import Symbol

__all__ = [
    "Assumption",
    "Certificate",
    "Claim",
    "ModelSpace",
    "Symbol",
    "Theorem",
    "certify",
    "claim",
]
