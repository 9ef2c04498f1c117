"""What a theorem is made of: its claims, what they assume, their certificates."""

from moetheory.claims.declaration import Assumption, Claim, Theorem

__all__ = ["Assumption", "Claim", "Theorem"]
