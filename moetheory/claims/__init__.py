"""The parts of a theorem: its claims, their assumptions and their certificates."""

from moetheory.claims.assumptions import Assumption
from moetheory.claims.certificates import Certificate, certify
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.symbols import Symbol

__all__ = ["Assumption", "Certificate", "Claim", "Symbol", "Theorem", "certify"]
