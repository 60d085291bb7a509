"""Reading ahead: the same items in the same order, errors in their place, no thread left behind."""

import threading

import pytest

from dashsearch.features.ahead import read_ahead


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "reads ahead"]


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_all_items_come_in_order(depth):
    assert list(read_ahead(iter(range(50)), depth)) == list(range(50))
    assert not readers()


def test_no_more_than_the_depth_is_made_in_advance():
    made = []
    done = threading.Event()

    def items():
        for number in range(20):
            made.append(number)
            if number == 3:
                done.set()
            yield number

    ahead = read_ahead(items(), 2)
    next(ahead)
    assert done.wait(5)  # two wait in the queue and one in the thread's hand
    assert not threading.Event().wait(0.3)
    assert made == [0, 1, 2, 3]
    ahead.close()
    assert not readers()


def test_an_error_comes_where_its_item_would_have():
    def items():
        yield 1
        raise OSError("the disk is gone")

    ahead = read_ahead(items(), 5)
    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    assert not readers()
