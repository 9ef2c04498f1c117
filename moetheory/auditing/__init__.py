"""The theory on somebody's own data."""

from moetheory.auditing.auditor import audit
from moetheory.auditing.outcome import Audit, Crossovers

__all__ = ["Audit", "Crossovers", "audit"]
