"""Hypothesis profiles: ``ci`` (default, derandomised), ``dev`` and ``thorough``.

Choose one with ``--hypothesis-profile=thorough``.
"""

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=10_000)
settings.load_profile("ci")
