"""Standard input, which has no offsets."""

import os

from connect_file import standard_input


def test_standard_input_is_read_without_offsets_and_its_last_line_needs_no_end(source):
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    try:
        driver = source(None)
        os.write(writing, b"one\ntwo")
        [batch] = driver.batches()
        os.close(writing)
        assert (batch.values, batch.source_partition, batch.source_offset) == (["one"], None, None)
        assert driver.poll() == ["two"]
        driver.task.context.stopping.set()
        assert driver.poll() == []
    finally:
        os.dup2(kept, 0)
        for descriptor in (kept, reading):
            os.close(descriptor)


def test_standard_input_has_no_offset_within_a_batch(source, monkeypatch):
    read, write = os.pipe()
    monkeypatch.setattr(standard_input, "_STDIN", read)
    os.write(write, b"one\ntwo\n")
    driver = source(None)
    [batch] = driver.batches()
    os.close(write)
    assert driver.call("offset_within", batch, 1) is None
