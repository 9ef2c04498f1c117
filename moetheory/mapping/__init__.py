"""Maps of which estimator wins, over two quantities at once."""

from moetheory.mapping.mapper import phase_map

__all__ = ["phase_map"]
