"""Reading features and labels from .csv, .npz and .npy files."""

from moetheory.datafile.contents import Data, DataArgumentError
from moetheory.datafile.reading import read_data
from moetheory.datafile.tables import require_finite

__all__ = ["Data", "DataArgumentError", "read_data", "require_finite"]
