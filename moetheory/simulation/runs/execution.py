"""Carrying out chunks: one after another in this process, or many at once by an executor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

from moetheory.common.errors import ExecutorError

Item = TypeVar("Item")
Result = TypeVar("Result")


def carry_out(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    executor: Executor | None,
    in_flight: int,
) -> Generator[tuple[Item, Result], None, None]:
    """Pairs of an item and ``work(item)``, in the order in which they are finished.

    Close the generator when done with it early (`contextlib.closing`): work not yet begun is
    then cancelled, as it is on errors. The executor is never shut down.

    Parameters
    ----------
    work : callable
        An executor of processes must be able to pickle it, and the items.
    items : iterable
        May be endless: an item is taken when it is submitted.
    executor : Executor or None
        None: in this process, one by one on demand.
    in_flight : int
        Items submitted and not yet yielded, at most.

    Raises
    ------
    ExecutorError
        The executor is broken, shut down or cancelled a chunk. Results finished before have been
        yielded. Exceptions of ``work`` are passed on unchanged.
    """
    if executor is None:
        for item in items:
            yield item, work(item)
        return
    coming = iter(items)
    waiting: dict[Future[Result], Item] = {}
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    refusal: Exception | None = None
    try:
        while True:
            if done.empty():
                if refusal is not None:
                    raise refusal
                try:
                    for item in islice(coming, in_flight - len(waiting)):
                        future = _submitted(executor, work, item)
                        waiting[future] = item
                        future.add_done_callback(done.put)
                except (ExecutorError, BrokenExecutor) as error:
                    refusal = error  # to be raised after what is done by now
                    continue
            if not waiting:
                return
            future = done.get()
            yield waiting.pop(future), future.result()
    except BrokenExecutor as error:
        waiting.clear()  # it fails them all, and in Python 3.11 trips over those cancelled by then
        raise _failure(executor, "broke", error) from error
    except CancelledError as error:
        raise _failure(executor, "cancelled a chunk that was submitted to it", error) from error
    finally:
        for future in waiting:
            future.cancel()


def _submitted(executor: Executor, work: Callable[[Item], Result], item: Item) -> Future[Result]:
    try:
        return executor.submit(work, item)
    except BrokenExecutor:
        raise
    except Exception as error:  # submitting computes nothing: whatever it is, is the executor's
        raise _failure(executor, "takes no more work", error) from error


def _failure(executor: Executor, what: str, error: BaseException) -> ExecutorError:
    from concurrent.futures import ProcessPoolExecutor

    from moetheory.simulation.runs.process_failures import why_it_broke, why_none_can_start

    said = f" ({str(error).splitlines()[0]})" if str(error).strip() else ""
    hint = None
    if isinstance(error, BrokenExecutor):
        hint = why_it_broke(executor)
    elif isinstance(executor, ProcessPoolExecutor):
        hint = why_none_can_start()
    more = f": {hint}" if hint else ""
    return ExecutorError(f"the executor {type(executor).__name__} {what}{said}{more}")


@contextmanager
def own_pool(workers: int) -> Iterator[Executor]:
    """A pool of processes that ends with the block, after the chunks at work.

    The processes ignore Ctrl-C, which ends the block in this process, and end with this process
    however it ends. SIGTERM ends this process after the block, unless it is handled otherwise.

    Raises
    ------
    ExecutorError
        This process cannot start others.
    """
    from moetheory.simulation.runs.process_failures import why_none_can_start
    from moetheory.simulation.runs.process_pool import Processes
    from moetheory.simulation.runs.termination import signals_wait

    if why := why_none_can_start():
        raise ExecutorError(f"processes cannot be started: {why}")
    pool = Processes(workers)
    try:
        yield pool
    finally:
        # a second signal amid its end would leave processes that wait for one another
        with signals_wait():
            pool.shutdown(cancel_futures=True)
