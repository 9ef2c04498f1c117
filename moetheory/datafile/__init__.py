"""Reading features and labels from files: tables of text, arrays of NumPy, parquet."""

from moetheory.datafile.contents import Data, DataArgumentError
from moetheory.datafile.reading import read_data
from moetheory.datafile.tables import require_finite

__all__ = ["Data", "DataArgumentError", "read_data", "require_finite"]
