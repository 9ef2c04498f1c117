"""What is computed once is computed without a lock."""

import copy
import pickle
import threading

from moetheory.common.cached import cached


class Square:
    def __init__(self, side):
        self.side, self.computed = side, 0

    @cached
    def area(self):
        """The area."""
        self.computed += 1
        return [self.side**2]


def test_it_is_computed_when_first_read_and_kept():
    square = Square(3)
    assert vars(square) == {"side": 3, "computed": 0}
    assert square.area is square.area == [9]
    assert (square.computed, Square(4).area) == (1, [16])


def test_it_goes_with_the_object():
    square = Square(3)
    assert square.area == [9]
    for again in (copy.copy(square), copy.deepcopy(square), pickle.loads(pickle.dumps(square))):
        assert (again.area, again.computed) == ([9], 1)


def test_the_class_shows_its_docstring():
    assert Square.area.__doc__ == "The area."


def test_threads_do_not_wait_for_one_another_and_get_the_same():
    both = threading.Barrier(2, timeout=30)

    class Slow:
        @cached
        def value(self):
            both.wait()  # a lock would keep the second thread out, and break the barrier
            return object()

    slow, found = Slow(), []
    threads = [threading.Thread(target=lambda: found.append(slow.value)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 2
    assert found[0] is found[1] is slow.value
