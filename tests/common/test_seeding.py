"""What stands for a seed, and that every stream follows from it."""

import numpy as np
import pytest

from moetheory.common.seeding import child, entropy_of, stream


@pytest.mark.parametrize("rng", [0, 7, 2**200, np.int64(7), np.random.SeedSequence(7)])
def test_a_plain_seed_is_its_own_entropy(rng):
    wanted = rng.entropy if isinstance(rng, np.random.SeedSequence) else int(rng)
    assert entropy_of(rng) == wanted == entropy_of(entropy_of(rng))


def test_spawned_sequences_differ_from_their_parent():
    parent = np.random.SeedSequence(7)
    children = [entropy_of(each) for each in parent.spawn(2)]
    assert len({entropy_of(parent), *children}) == 3
    assert children == [entropy_of(each) for each in np.random.SeedSequence(7).spawn(2)]


def test_a_generator_gives_128_bits_and_moves_on():
    a, b = np.random.default_rng(3), np.random.default_rng(3)
    first = entropy_of(a)
    assert first == entropy_of(b) < 2**128
    assert entropy_of(a) != first


def test_none_is_fresh():
    assert entropy_of(None) != entropy_of(None)


@pytest.mark.parametrize("rng", [-1, 1.5, True, "seed", np.random.RandomState(0)])
def test_anything_else_is_refused(rng):
    with pytest.raises(ValueError, match="rng must be None, a non-negative integer"):
        entropy_of(rng)


def test_streams_and_children_do_not_coincide():
    draws = [stream(5, i).random() for i in range(3)]
    draws += [stream(child(5, i), 0).random() for i in range(3)]
    assert len(set(draws)) == 6
