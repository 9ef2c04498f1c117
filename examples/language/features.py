"""Paragraphs as tf-idf vectors of frequent words, in blocks of words that occur together.

All estimates (the choice of words, their weights, their blocks) come from the training paragraphs
alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from corpus import Paragraph
from numpy.typing import NDArray
from scipy import sparse

from moetheory.auditing.blocks import blocks_of

SKIPPED = 20  # the most frequent words of all: the, of, is, to ...


@dataclass(frozen=True)
class Counts:
    """The count of each word in each paragraph, and the file of each paragraph."""

    table: sparse.csr_array  # (paragraphs, words)
    words: NDArray[np.str_]
    file: NDArray[np.int64]

    @classmethod
    def of(cls, paragraphs: Sequence[Paragraph]) -> "Counts":
        """The counts of the paragraphs; words and files in the order of their first occurrence."""
        place: dict[str, int] = {}
        number: dict[str, int] = {}
        rows, columns, counts = [], [], []
        for row, paragraph in enumerate(paragraphs):
            for word, count in Counter(paragraph.words).items():
                rows.append(row)
                columns.append(place.setdefault(word, len(place)))
                counts.append(float(count))
        shape = (len(paragraphs), len(place))
        table = sparse.csr_array((counts, (rows, columns)), shape=shape)
        files = [number.setdefault(each.file, len(number)) for each in paragraphs]
        return cls(table, np.array(list(place)), np.array(files))

    def contain(self, word: str) -> NDArray[np.bool_]:
        """Whether each paragraph contains ``word``."""
        (column,) = np.flatnonzero(self.words == word)
        return self.table[:, [column]].toarray()[:, 0] > 0

    def parts(self, number: int, by: str, rng: np.random.Generator) -> NDArray[np.int64]:
        """The part, of ``number`` parts of about equal size, that each paragraph belongs to.

        By file: paragraphs of one file stay together, so that none is held out while a near-copy
        of it is trained on. By paragraph: each paragraph is assigned at random.
        """
        unit = self.file if by == "file" else np.arange(len(self.file))
        sizes = np.bincount(unit)
        order = rng.permutation(len(sizes))
        middle = np.cumsum(sizes[order]) - 0.5 * sizes[order]
        part = np.empty(len(sizes), dtype=np.int64)
        part[order] = number * middle / len(unit)
        return part[unit]


@dataclass(frozen=True)
class Lexicon:
    """The words that serve as features, their weights and their blocks."""

    columns: NDArray[np.int64]  # of the table
    weights: NDArray[np.float64]  # idf, ln(n / paragraphs that contain the word)
    block_of: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Counts, training: NDArray[np.bool_], words: int, blocks: int) -> "Lexicon":
        """The lexicon of the training paragraphs, from the number that contain each word."""
        occurs = (counts.table[training] > 0).astype(float)
        frequency = occurs.sum(axis=0)
        columns = np.argsort(-frequency, kind="stable")[SKIPPED : SKIPPED + words]
        weights = np.log(occurs.shape[0] / frequency[columns])
        return cls(columns, weights, co_occurring(occurs[:, columns], blocks))

    def without(self, counts: Counts, word: str) -> "Lexicon":
        """The lexicon without ``word``."""
        others = counts.words[self.columns] != word
        return Lexicon(self.columns[others], self.weights[others], self.block_of[others])

    def weighted(self, counts: Counts) -> NDArray[np.float64]:
        """The tf-idf values (n, d): the count of a word times its weight."""
        return np.asarray(counts.table[:, self.columns].toarray() * self.weights)


def normalised(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows scaled to squared length d, so that features have unit mean square; zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows * (np.sqrt(rows.shape[1]) / np.where(length > 0.0, length, 1.0)))


def co_occurring(occurs: sparse.csr_array, blocks: int) -> NDArray[np.int64]:
    """The blocks (d,): clusters of words that occur together more often than by chance."""
    n = occurs.shape[0]
    share = occurs.sum(axis=0) / n
    joint = (occurs.T @ occurs).toarray() / n - np.outer(share, share)
    deviation = np.sqrt(np.diag(joint))
    return blocks_of(joint / np.outer(deviation, deviation), blocks)
