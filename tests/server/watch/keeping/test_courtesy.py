"""What the watchkeeper does for a gateway begins when no answer is being written."""

import threading

from server.courtesy.answers import Answers
from server.watch.keeping.isolation import Isolation, Stage
from server.watch.keeping.keeper import Grace, Rounds


def test_answers_go_before_the_watches_of_a_gateway(sqlite_engine, monkeypatch):
    monkeypatch.setattr("server.watch.keeping.keeper._COURTESY_S", 60.0)
    answers = Answers()
    rounds = Rounds(sqlite_engine, Grace(lambda: True, 0), answers=answers)
    seen = []
    answers.begin()
    timer = threading.Timer(0.1, answers.end)
    timer.start()

    rounds._work(Stage("catch_up", Isolation()), "gw-a", lambda: seen.append(answers.are_written()))

    assert seen == [False]
    timer.join()
