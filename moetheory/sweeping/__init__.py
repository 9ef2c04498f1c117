"""Tables of theory and simulation side by side."""

from moetheory.sweeping.closed_forms import closed_form_if_known
from moetheory.sweeping.planning import sweep_plan
from moetheory.sweeping.sweeper import sweep

__all__ = ["closed_form_if_known", "sweep", "sweep_plan"]
