"""Progress in a log: few lines, the right numbers, no bar where nobody watches."""

import logging

from dashsearch.progress import Progress


def test_a_log_has_a_line_at_the_end_and_not_one_a_unit(caplog, capfd):
    with caplog.at_level(logging.INFO), Progress("clips decoded", 1000) as progress:
        for _ in range(1000):
            progress.add()
    (line,) = caplog.messages
    assert line.startswith("clips decoded: 1000 of 1000, ") and line.endswith(" 0:00:00 left")
    assert capfd.readouterr().err == ""


def test_lines_come_in_time_with_what_there_is_to_say(caplog):
    with caplog.at_level(logging.INFO), Progress("trained", 8, done=4, every_s=0) as progress:
        progress.add(3, "2 without scores")
        progress.add(1)
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("trained: 7 of 8") and "2 without" in caplog.messages[0]
    assert caplog.messages[1].startswith("trained: 8 of 8")


def test_a_failure_says_nothing_more(caplog):
    try:
        with caplog.at_level(logging.INFO), Progress("trained", 8) as progress:
            progress.add(3)
            raise KeyError
    except KeyError:
        assert caplog.messages == []
