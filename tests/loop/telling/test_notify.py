"""Who is told what, when, and how often: the outbox, real listeners, and time as an argument."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.outbox import MemoryOutbox
from flyball.adapters.notify.sender import NotifySender
from flyball.alerting.records import Parcel
from flyball.core.reason import because
from flyball.journal.events import AlertFired, AlertResolved, Event, Silenced, Undelivered
from flyball.journal.state import fold
from flyball.loop.telling.notify import Notified, notify
from flyball.loop.world import Post
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from listeners import Heard, closed_port, listening, status
from notices import NOON

MINUTE = timedelta(minutes=1)
PROJECT = """
[model]
name = "churn"
task = "binary"
[data]
source = "d.csv"
target = "y"
[train]
run = "pipeline:train"
[alerts]
"""


def spec(*receivers: str, more: str = "") -> Spec:
    return parse_spec(f"{PROJECT}to = [{', '.join(receivers)}]\n{more}", folder=Path("p"))


def webhook(url: str) -> str:
    return f'{{ kind = "webhook", url = "{url}" }}'


def fired(key: str) -> AlertFired:
    return AlertFired(key=key, reason=because("alert.unwatched", key=key))


def over(key: str) -> AlertResolved:
    return AlertResolved(key=key, reason=because("alert.resolved", key=key))


class Loop:
    """A journal, an outbox and a sender, over minutes."""

    def __init__(self, folder: Path, spec: Spec) -> None:
        self.spec, self.now = spec, NOON
        self.journal, self.outbox = MemoryJournal(), MemoryOutbox()
        self.said: list[str] = []
        self.sender = NotifySender(folder=folder, language="en", secret=str, echo=self.said.append, patience=2.0)

    def happens(self, *events: Event) -> "Loop":
        entries = self.journal.read("churn")
        self.journal.append("churn", events, expected=len(entries), actor="ann", at=self.now)
        return self

    def look(self, after: timedelta = MINUTE) -> Notified:
        state = fold("churn", self.journal.read("churn"))
        done = notify(Post(outbox=self.outbox, sender=self.sender), self.journal, self.spec, state, now=self.now, actor="loop")
        self.now += after
        return done


def told(heard: Sequence[Heard]) -> list[list[tuple[str, str]]]:
    """Message by message: the alerts and how they stand."""
    return [[(one["key"], one["status"]) for one in message.json["alerts"]] for message in heard]


def words(done: Notified) -> str:
    return " | ".join(sentence(reason) for reason in done.untold)


def test_what_fires_is_told_once_and_once_more_when_it_is_over(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.look()
        loop.happens(fired("drift:temp")).look()
        loop.look()
        loop.happens(over("drift:temp")).look()
        loop.look()
    assert told(there.heard) == [[("drift:temp", "firing")], [("drift:temp", "resolved")]]
    first, second = (one.json["alerts"][0] for one in there.heard)
    assert (first["since"], second["since"], second["until"]) == (
        "2026-04-01T12:01:00.000Z",
        "2026-04-01T12:01:00.000Z",
        "2026-04-01T12:03:00.000Z",
    )


def test_many_columns_at_one_look_are_one_message_with_the_worst_first(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.happens(*(fired(f"drift:c{number:04}") for number in range(500)), fired("performance:brier")).look()
        loop.look()
    (message,) = there.heard
    assert message.json["alerts"][0]["key"] == "performance:brier"
    assert (message.json["firing"], len(message.json["alerts"]), message.json["more"]) == (501, 100, 401)


def test_an_alert_that_comes_back_is_told_again(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.happens(fired("drift:temp")).look()
        loop.happens(over("drift:temp"), fired("drift:temp")).look()
    assert told(there.heard) == [[("drift:temp", "firing")]] * 2
    assert there.heard[0].json["id"] != there.heard[1].json["id"]


def test_what_still_fires_is_repeated_as_often_as_the_spec_says(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url), more='repeat = "1h"'))
        loop.happens(fired("drift:temp")).look(59 * MINUTE)
        loop.look(MINUTE)
        loop.look(MINUTE)
        loop.happens(fired("drift:rain")).look()
    assert [(one.json["alerts"][0]["key"], one.json["alerts"][0]["again"]) for one in there.heard] == [
        ("drift:temp", False),
        ("drift:temp", True),
        ("drift:rain", False),
    ]


def test_a_receiver_that_is_down_is_tried_again_more_and_more_rarely_and_told_all_in_one(tmp_path: Path) -> None:
    port = closed_port()
    loop = Loop(tmp_path, spec(webhook(f"http://127.0.0.1:{port}/very-secret")))
    loop.happens(fired("drift:temp"))
    attempts = []
    for _ in range(30):
        done = loop.look()
        assert done.entries == () and done.told == ()
        assert f"webhook http://127.0.0.1:{port} could not be told" in words(done) and "Connection refused" in words(done)
        assert "secret" not in words(done)
        attempts.append(loop.outbox.waiting("churn")[0].attempts)
    assert attempts[:8] == [1, 2, 3, 3, 4, 4, 4, 4], "after 30 s, 1 min, 2 min, 4 min, ... "
    assert attempts[-1] == 6
    loop.happens(over("drift:temp"), fired("performance:brier")).look()
    with listening() as there:
        loop.spec = spec(webhook(there.url))
        loop.look()
    assert told(there.heard) == [[("performance:brier", "firing")]], "another receiver hears what is news to it"
    assert [one.receiver for one in loop.outbox.waiting("churn")] == [], "letters to who is no longer named are dropped"


def test_several_letters_that_waited_arrive_as_one_message(tmp_path: Path) -> None:
    well = False

    def answer(handler: object) -> None:
        status(200 if well else 503)(handler)  # type: ignore[arg-type]  # a handler

    with listening(answer) as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.happens(fired("drift:temp"), fired("drift:rain")).look(10 * MINUTE)
        loop.happens(over("drift:temp")).look(timedelta(0))
        assert len(loop.outbox.waiting("churn")) == 2
        there.heard.clear()
        well = True
        loop.look(timedelta(hours=2))
        done = loop.look()
    assert told(there.heard) == [[("drift:rain", "firing"), ("drift:temp", "resolved")]]
    assert [sentence(reason) for reason in done.told] == [f"webhook {there.url} was told: drift:rain firing, drift:temp resolved"]
    assert loop.outbox.waiting("churn") == []


def test_after_a_day_a_receiver_is_given_up_the_journal_says_so_and_what_still_fires_gets_a_new_chance(tmp_path: Path) -> None:
    loop = Loop(tmp_path, spec(webhook(f"http://127.0.0.1:{closed_port()}/")))
    loop.happens(fired("drift:temp"), fired("drift:rain"))
    entries = [entry for _ in range(26) for entry in loop.look(timedelta(hours=1)).entries]
    (entry,) = entries
    assert isinstance(entry.event, Undelivered) and entry.actor == "loop"
    assert set(entry.event.keys) == {"drift:temp", "drift:rain"}
    assert "could not be told of 2 alerts for 24 hours, and it was given up: no connection" in sentence(entry.event.reason)
    assert loop.journal.read("churn")[-1] == entry
    (letter,) = loop.outbox.waiting("churn")
    assert letter.written_at > NOON + timedelta(hours=24), "a new letter, tried anew"


def test_a_receiver_that_was_never_tried_is_tried_however_old_its_letter_is(tmp_path: Path) -> None:
    with listening(status(500)) as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.happens(fired("drift:temp")).look(timedelta(days=3))
        loop.look()
    assert len(there.heard) == 2


def test_nobody_is_told_of_what_is_silenced_and_whatever_fires_at_its_end_is_told_then(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.happens(Silenced(pattern="drift:*", reason="a holiday", until=NOON + timedelta(hours=1)))
        loop.happens(fired("drift:temp"), fired("drift:gone"), fired("performance:brier")).look()
        loop.happens(over("drift:gone")).look(timedelta(hours=1))
        assert told(there.heard) == [[("performance:brier", "firing")]]
        loop.look()
        loop.look()
    assert told(there.heard)[1:] == [[("drift:temp", "firing")]], "what came and went in between is not news"


def test_the_end_of_an_alert_that_was_told_is_told_when_the_silence_ends(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.happens(fired("drift:temp")).look()
        loop.happens(Silenced(pattern="*", reason="x", until=NOON + timedelta(hours=1)), over("drift:temp")).look(timedelta(hours=1))
        assert len(there.heard) == 1
        loop.look()
    assert told(there.heard)[1:] == [[("drift:temp", "resolved")]]


def test_one_receiver_that_fails_does_not_keep_others_from_being_told(tmp_path: Path) -> None:
    with listening() as there, listening(status(500)) as broken:
        loop = Loop(tmp_path, spec(webhook(broken.url), webhook(there.url), '{ kind = "log" }'))
        done = loop.happens(fired("drift:temp")).look()
    assert len(there.heard) == len(loop.said) == len(done.told) - 1 == 1
    assert "HTTP 500" in words(done)


def test_two_ticks_at_once_tell_it_once(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        state = fold("churn", loop.happens(fired("drift:temp")).journal.read("churn"))
        post, inner = Post(outbox=loop.outbox, sender=loop.sender), []

        class Meanwhile:
            """A sender during whose work another tick comes."""

            def send(self, parcels: Sequence[Parcel]) -> list[str]:
                inner.append(notify(post, loop.journal, loop.spec, state, now=NOON, actor="loop"))
                return loop.sender.send(parcels)

        notify(Post(outbox=loop.outbox, sender=Meanwhile()), loop.journal, loop.spec, state, now=NOON, actor="loop")
        loop.look()
    assert len(there.heard) == 1
    assert inner[0].told == ()


def test_alertmanager_hears_at_every_tick_what_fires_and_once_what_is_over(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(f'{{ kind = "alertmanager", url = "{there.url}" }}', more='repeat = "1m"'))
        loop.happens(fired("drift:temp"), fired("drift:rain")).look()
        loop.look()
        loop.happens(over("drift:temp")).look()
        loop.look()
        loop.happens(over("drift:rain")).look()
        loop.look()
    stands = [[(one["labels"]["column"], one["endsAt"]) for one in message.json] for message in there.heard]
    assert [[name for name, _ in message] for message in stands] == [
        ["rain", "temp"],
        ["rain", "temp"],
        ["rain", "temp"],
        ["rain"],
        ["rain"],
    ]
    assert stands[0] == [("rain", "2026-04-03T12:00:00.000Z"), ("temp", "2026-04-03T12:00:00.000Z")]
    assert stands[2] == [("rain", "2026-04-03T12:02:00.000Z"), ("temp", "2026-04-01T12:02:00.000Z")]
    assert stands[4] == [("rain", "2026-04-01T12:04:00.000Z")]


def test_an_alertmanager_holds_a_bounded_number_of_alerts_and_the_loop_says_what_is_left_out(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(f'{{ kind = "alertmanager", url = "{there.url}" }}'))
        done = loop.happens(*(fired(f"drift:c{number:04}") for number in range(1_000)), fired("performance:brier")).look()
        loop.look()
        loop.happens(over("performance:brier")).look()
        loop.look()
    assert [len(one.json) for one in there.heard] == [200, 200, 201, 200], "one ends, and another takes its place"
    assert any(one["labels"]["alertname"] == "FlyballPerformance" for one in there.heard[0].json), "the worst are in"
    assert "holds 200 alerts of this model; 801 more are not posted" in words(done)


def test_a_repetition_that_fails_is_told_and_tried_at_the_next_tick(tmp_path: Path) -> None:
    well = True

    def answer(handler: object) -> None:
        status(200 if well else 503)(handler)  # type: ignore[arg-type]  # a handler

    with listening(answer) as there:
        loop = Loop(tmp_path, spec(f'{{ kind = "alertmanager", url = "{there.url}" }}'))
        loop.happens(fired("drift:temp")).look()
        well = False
        assert "could not be told what still fires: HTTP 503" in words(loop.look())
        well = True
        assert words(loop.look()) == ""


KILLED = """
import sys
from datetime import datetime
from pathlib import Path
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.adapters.sqlite.outbox import SqliteOutbox
from flyball.adapters.notify.sender import NotifySender
from flyball.journal.state import fold
from flyball.loop.telling.notify import notify
from flyball.loop.world import Post
from flyball.spec.load import parse_spec

folder, text, now = Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3])
database = Database(folder / "flyball.db")
journal, sender = SqliteJournal(database), NotifySender(folder=folder, language="en", secret=str, echo=print)
post = Post(outbox=SqliteOutbox(database), sender=sender)
notify(post, journal, parse_spec(text, folder=folder), fold("churn", journal.read("churn")), now=now, actor="loop")
"""


def test_a_tick_that_is_killed_between_sending_and_writing_it_down_repeats_one_message(tmp_path: Path) -> None:
    from flyball.adapters.sqlite.database import Database
    from flyball.adapters.sqlite.journal import SqliteJournal
    from flyball.adapters.sqlite.outbox import SqliteOutbox

    victims: list[subprocess.Popen[bytes]] = []

    def answer(handler: object) -> None:
        if victims and len(there.heard) == 1:
            victims[0].kill()  # it has sent, and not heard yet that it was taken
            victims[0].wait()
        status(200)(handler)  # type: ignore[arg-type]  # a handler

    with Database(tmp_path / "flyball.db") as database:
        SqliteJournal(database).append("churn", [fired("drift:temp")], expected=0, actor="loop", at=NOON)
        with listening(answer) as there:
            text = f"{PROJECT}to = [{webhook(there.url)}]\n"

            def begin(now: datetime) -> "subprocess.Popen[bytes]":
                return subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), text, now.isoformat()])

            victims.append(begin(NOON))
            assert victims[0].wait(60) != 0
            assert len(SqliteOutbox(database).waiting("churn")) == 1
            for minutes in (0.5, 2, 3):
                assert begin(NOON + minutes * MINUTE).wait(60) == 0
        assert SqliteOutbox(database).waiting("churn") == []
    assert told(there.heard) == [[("drift:temp", "firing")]] * 2
    assert there.heard[0].json["id"] == there.heard[1].json["id"] == there.heard[1].headers["idempotency-key"]


def test_nothing_is_told_twice_over_a_restart(tmp_path: Path) -> None:
    with listening() as there:
        loop = Loop(tmp_path, spec(webhook(there.url)))
        loop.happens(fired("drift:temp")).look()
        loop.sender = NotifySender(folder=tmp_path, language="en", secret=str, echo=loop.said.append)
        for _ in range(3):
            loop.look(timedelta(days=1))
    assert len(there.heard) == 1


def test_a_spec_without_receivers_tells_nobody(tmp_path: Path) -> None:
    loop = Loop(tmp_path, spec())
    assert loop.happens(fired("drift:temp")).look() == Notified()
    assert loop.outbox.ledger("churn").told == ()
