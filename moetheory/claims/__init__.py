"""The parts of a theorem: its claims, their assumptions and their certificates."""

from moetheory.claims.declaration import Assumption, Claim, Theorem

__all__ = ["Assumption", "Claim", "Theorem"]
