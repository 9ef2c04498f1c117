"""Features and labels from the files that people have: .csv, .npz and .npy."""

from moetheory.datafile.contents import Data
from moetheory.datafile.reading import read_data

__all__ = ["Data", "read_data"]
