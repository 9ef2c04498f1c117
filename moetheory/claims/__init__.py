"""The parts of a theorem: its claims, their assumptions and their certificates."""

from moetheory.claims.assumptions import Assumption
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.statements import claim

__all__ = ["Assumption", "Claim", "ModelSpace", "Theorem", "claim"]
