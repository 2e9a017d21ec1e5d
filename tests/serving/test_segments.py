"""The segment format: what was appended is read back; what is torn is never taken for data."""

import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import StoreError
from flyball.serving.records import PredictionBatch
from flyball.serving.segments import MAGIC, SegmentWriter, encode, finished, read, segments


def batch(*ids: str) -> PredictionBatch:
    n = len(ids)
    return PredictionBatch(
        model="m",
        worker="w0",
        schema_id="s",
        feature_names=["a", "b"],
        prediction_id=list(ids),
        version=[1] * n,
        variant=["champion"] * n,
        shadow=[False] * n,
        at=[5] * n,
        made_at=[6] * n,
        unit=[None] * n,
        entity=["e"] * n,
        client_id=[None] * n,
        label=[True] * n,
        score=[0.25] * n,
        features=[[1.5, "x"]] * n,
        context=[{"k": 1}] * n,
    )


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, "w0")
    writer.append([batch("a"), batch("b", "c")], now=1)
    first = read(segments(tmp_path)[0])
    assert first.batches == (batch("a"), batch("b", "c")) and first.rest == 0
    writer.append([batch("d")], now=2, durable=True)
    second = read(segments(tmp_path)[0], first.offset)
    assert second.batches == (batch("d"),)
    assert read(segments(tmp_path)[0], second.offset).batches == ()
    writer.close()


def test_a_segment_is_finished_when_its_writer_lets_go_and_not_before(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, "w0")
    writer.append([batch("a")], now=1)
    assert not finished(segments(tmp_path)[0])
    writer.close()
    assert finished(segments(tmp_path)[0])
    assert finished(tmp_path / "gone.seg")


def test_a_full_segment_gives_way_to_the_next(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, "w0", rotate=1)
    writer.append([batch("a")], now=1)
    writer.append([batch("b")], now=1)
    first, second = segments(tmp_path)
    assert finished(first) and not finished(second)
    assert [read(path).batches for path in (first, second)] == [(batch("a"),), (batch("b"),)]
    writer.close()


def test_two_writers_of_one_name_and_time_have_segments_of_their_own(tmp_path: Path) -> None:
    writers = [SegmentWriter(tmp_path, "w0") for _ in range(2)]
    for writer in writers:
        writer.append([batch("a")], now=1)
    assert len(segments(tmp_path)) == 2
    for writer in writers:
        writer.close()


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_torn_tail_is_never_data(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    content = MAGIC + encode(batch("a")) + encode(batch("b"))
    path = tmp_path_factory.mktemp("torn") / "1-w0.seg"
    path.write_bytes(content[: max(0, len(content) - cut)])
    chunk = read(path)
    assert chunk.batches in ((), (batch("a"),), (batch("a"), batch("b")))
    assert chunk.offset + chunk.rest == path.stat().st_size
    assert (cut == 0) == (chunk.batches == (batch("a"), batch("b")))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_in_a_frame_hides_it(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(MAGIC + encode(batch("a")) + encode(batch("b")))
    place = data.draw(st.integers(min_value=len(MAGIC), max_value=len(content) - 1))
    content[place] ^= data.draw(st.integers(min_value=1, max_value=255))
    path = tmp_path_factory.mktemp("flip") / "1-w0.seg"
    path.write_bytes(bytes(content))
    whole = len(MAGIC) + len(encode(batch("a")))
    assert read(path).batches == ((batch("a"),) if place >= whole else ())


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "1-w0.seg"
    path.write_bytes(b"FLYSEG2\n" + encode(batch("a")))
    with pytest.raises(StoreError, match=r"1-w0\.seg"):
        read(path)


def test_a_disk_that_takes_half_a_frame_leaves_the_segment_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(tmp_path, "w0")
    writer.append([batch("a")], now=1)
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:20]))
    with pytest.raises(OSError, match="part of a frame"):
        writer.append([batch("b")], now=2)
    monkeypatch.undo()
    writer.append([batch("c")], now=3)
    chunk = read(segments(tmp_path)[0])
    assert chunk.batches == (batch("a"), batch("c")) and chunk.rest == 0
    writer.close()


def test_segments_written_before_there_were_propensities_are_read(tmp_path: Path) -> None:
    held = msgspec.msgpack.decode(msgspec.msgpack.encode(batch("a", "b")))
    del held["propensity"]
    payload = msgspec.msgpack.encode(held)
    frame = struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
    (tmp_path / "1-w0-000.seg").write_bytes(MAGIC + frame + encode(replace(batch("c"), propensity=[0.25])))
    assert [one.propensity for one in read(tmp_path / "1-w0-000.seg").batches] == [[], [0.25]]
