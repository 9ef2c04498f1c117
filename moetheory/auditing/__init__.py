"""Audits: the theory tested on a user's own data."""

from moetheory.auditing.auditor import audit
from moetheory.auditing.leads import Crossovers
from moetheory.auditing.outcome import Audit

__all__ = ["Audit", "Crossovers", "audit"]
