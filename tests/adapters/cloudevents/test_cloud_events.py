"""Journal entries as CloudEvents, read back by the SDK; told at least once, under the same id."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from flyball.adapters.cloudevents.listener import CloudEvents
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.outbox import MemoryOutbox
from flyball.adapters.notify.sender import NotifySender
from flyball.core.reason import because
from flyball.journal.events import Admitted, AlertFired, Event
from flyball.journal.state import fold
from flyball.loop.telling.notify import Notified, notify
from flyball.loop.world import Post
from flyball.spec.load import parse_spec
from flyball.testing.samples import one_event_of_each_kind
from flyball.words.sentences import sentence
from listeners import closed_port, listening, status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPEC = '[model]\nname = "churn"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\n[train]\nrun = "p:t"\n[track]\nevents = "{}"\n'


class Loop:
    """A journal, an outbox and a listener, over minutes."""

    def __init__(self, folder: Path, where: str, secrets: Mapping[str, str] | None = None) -> None:
        self.spec = parse_spec(SPEC.format(where), folder=folder)
        self.journal, self.now = MemoryJournal(), NOON
        sender = NotifySender(folder=folder, language="en", secret=str, echo=print)
        known = secrets or {}
        listener = CloudEvents(folder=folder, secret=lambda text: known.get(text, text), sentence=sentence, patience=2.0)
        self.post = Post(outbox=MemoryOutbox(), sender=sender, listener=listener)

    def happens(self, *events: Event) -> None:
        self.journal.append("churn", events, expected=len(self.journal.read("churn")), actor="ann", at=self.now)

    def look(self) -> Notified:
        self.now += timedelta(minutes=1)
        state = fold("churn", self.journal.read("churn"))
        return notify(self.post, self.journal, self.spec, state, now=self.now, actor="loop")


def fired(key: str) -> AlertFired:
    return AlertFired(key=key, reason=because("alert.unwatched", key=key))


def read(body: bytes, content_type: str = "application/cloudevents+json") -> CloudEvent:
    message = HTTPMessage(headers={"content-type": content_type}, body=body)
    event = from_structured_event(message, JSONFormat())
    assert isinstance(event, CloudEvent)
    return event


def test_every_kind_of_entry_is_a_valid_event_with_its_reason_in_words(tmp_path: Path) -> None:
    loop = Loop(tmp_path, "file:events.jsonl")
    loop.happens(*(event for event in one_event_of_each_kind() if not isinstance(event, AlertFired)), fired("drift:temp"))
    assert loop.look().untold == ()
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
    entries = [entry for entry in loop.journal.read("churn") if not isinstance(entry.event, Admitted)]
    events = [read(line) for line in lines]
    assert [event.get_id() for event in events] == [entry.hash for entry in entries]
    last = events[-1]
    assert (last.get_type(), last.get_source(), last.get_subject()) == ("flyball.alert-fired", "/flyball/churn", "churn")
    assert last.get_time() == NOON
    data = last.get_data()
    assert isinstance(data, dict)
    assert (data["code"], data["actor"], data["event"]["key"]) == ("alert.unwatched", "ann", "drift:temp")
    assert any(event.get_subject() == "churn@2" for event in events)


def test_who_may_act_is_nobody_elses_business(tmp_path: Path) -> None:
    loop = Loop(tmp_path, "file:events.jsonl")
    loop.happens(Admitted(tokens=("scrypt:00:11",), reason=because("admission.first", tokens=1)), fired("drift:temp"))
    loop.look()
    assert b"scrypt" not in (tmp_path / "events.jsonl").read_bytes()
    assert len((tmp_path / "events.jsonl").read_bytes().splitlines()) == 1


def test_each_entry_is_posted_once_in_structured_mode(tmp_path: Path) -> None:
    with listening() as listener:
        loop = Loop(tmp_path, "env:EVENTS", {"env:EVENTS": f"{listener.url}/hook/s3cret"})
        loop.happens(fired("drift:a"), fired("drift:b"))
        loop.look()
        loop.look()
        loop.happens(fired("drift:c"))
        loop.look()
        assert [one.json["data"]["event"]["key"] for one in listener.heard] == ["drift:a", "drift:b", "drift:c"]
        events = [read(one.body, one.headers["content-type"]) for one in listener.heard]
        assert [event.get_id() for event in events] == [one.headers["idempotency-key"] for one in listener.heard]


def test_a_listener_that_refuses_hears_it_again_under_the_same_id_and_in_order(tmp_path: Path) -> None:
    answers = [200, 503, 200, 200]

    def answer(handler: object) -> None:
        status(answers.pop(0), b"later")(handler)  # type: ignore[arg-type]

    with listening(answer) as listener:
        loop = Loop(tmp_path, f"{listener.url}/hook")
        loop.happens(fired("drift:a"), fired("drift:b"), fired("drift:c"))
        (reason,) = loop.look().untold
        assert "was not told of 2 journal entries: HTTP 503: later" in sentence(reason)
        assert loop.look().untold == ()
        ids = [one.json["id"] for one in listener.heard]
        assert len(ids) == 4 and ids[1] == ids[2] and len(set(ids)) == 3


def test_whoever_dies_after_it_was_told_tells_it_again_and_nothing_is_left_out(tmp_path: Path) -> None:
    with listening() as listener:
        loop = Loop(tmp_path, f"{listener.url}/hook")
        loop.happens(fired("drift:a"))
        assert loop.post.listener is not None
        loop.post.listener.tell(loop.spec.track.events, loop.journal.read("churn"))  # and dies before it is written down
        loop.look()
        assert len({one.json["id"] for one in listener.heard}) == 1 and len(listener.heard) == 2


def test_a_listener_that_is_away_is_told_of_without_its_address(tmp_path: Path) -> None:
    loop = Loop(tmp_path, "env:EVENTS", {"env:EVENTS": f"http://127.0.0.1:{closed_port()}/hook/s3cret"})
    loop.happens(fired("drift:a"))
    (reason,) = loop.look().untold
    assert "env:EVENTS was not told of 1 journal entry: no connection" in sentence(reason)
    assert "s3cret" not in sentence(reason)


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"specversion": "1.')
    loop = Loop(tmp_path, "file:events.jsonl")
    loop.happens(fired("drift:a"))
    loop.look()
    assert read((tmp_path / "events.jsonl").read_bytes().splitlines()[-1]).get_type() == "flyball.alert-fired"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    listener = CloudEvents(folder=tmp_path, secret=str, sentence=sentence)
    loop = Loop(tmp_path, "file:events.jsonl")
    loop.happens(fired("drift:a"))
    (tmp_path / "blocked").write_text("a file where a folder should be")
    taken, error = listener.tell("file:blocked/events.jsonl", loop.journal.read("churn"))
    assert taken == 0 and error
