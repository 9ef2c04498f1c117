"""Paragraphs as vectors: frequent words weighted by rarity, in blocks of words that go together.

Whatever is estimated here (which words, how rare they are, their blocks) is estimated from the
training paragraphs alone.
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
    """How often each word occurs in each paragraph, and which file a paragraph is from."""

    table: sparse.csr_array  # (paragraphs, words)
    words: NDArray[np.str_]
    file: NDArray[np.int64]

    @classmethod
    def of(cls, paragraphs: Sequence[Paragraph]) -> "Counts":
        """Count; words and files in the order in which they come."""
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
        """Which paragraphs a word occurs in."""
        (column,) = np.flatnonzero(self.words == word)
        return self.table[:, [column]].toarray()[:, 0] > 0

    def parts(self, number: int, by: str, rng: np.random.Generator) -> NDArray[np.int64]:
        """Which of so many parts of about equal size each paragraph is in.

        By file: paragraphs of one file stay together, so that none is held out while a near-copy
        of it is trained on. By paragraph: each goes where chance puts it.
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
    """The words that serve as features, how much each weighs, and the blocks they fall into."""

    columns: NDArray[np.int64]  # of the table
    weights: NDArray[np.float64]  # idf, ln(n / paragraphs that contain the word)
    block_of: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Counts, training: NDArray[np.bool_], words: int, blocks: int) -> "Lexicon":
        """From the training paragraphs alone; frequency is in how many of them a word occurs."""
        occurs = (counts.table[training] > 0).astype(float)
        frequency = occurs.sum(axis=0)
        columns = np.argsort(-frequency, kind="stable")[SKIPPED : SKIPPED + words]
        weights = np.log(occurs.shape[0] / frequency[columns])
        return cls(columns, weights, co_occurring(occurs[:, columns], blocks))

    def without(self, counts: Counts, word: str) -> "Lexicon":
        """The other words."""
        others = counts.words[self.columns] != word
        return Lexicon(self.columns[others], self.weights[others], self.block_of[others])

    def weighted(self, counts: Counts) -> NDArray[np.float64]:
        """(n, d): tf-idf, how often a word occurs times its weight."""
        return np.asarray(counts.table[:, self.columns].toarray() * self.weights)


def normalised(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of squared length d, so that a feature has unit mean square; zeros stay zeros."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows * (np.sqrt(rows.shape[1]) / np.where(length > 0.0, length, 1.0)))


def co_occurring(occurs: sparse.csr_array, blocks: int) -> NDArray[np.int64]:
    """(d,): clusters of words that occur in the same paragraphs more often than by chance."""
    n = occurs.shape[0]
    share = occurs.sum(axis=0) / n
    joint = (occurs.T @ occurs).toarray() / n - np.outer(share, share)
    deviation = np.sqrt(np.diag(joint))
    return blocks_of(joint / np.outer(deviation, deviation), blocks)
