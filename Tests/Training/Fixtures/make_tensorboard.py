"""Writes tensorboard.bin: what TensorBoard's own writer makes of two scalars at fixed times.

  pip install tensorboard && python3 make_tensorboard.py
"""
import pathlib

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

path = pathlib.Path(__file__).with_name("tensorboard.bin")
with open(path, "wb") as file:
    writer = RecordWriter(file)
    writer.write(Event(wall_time=1.5, file_version="brain.Event:2").SerializeToString())
    for tag, number, step in [("loss", 4.25, 1), ("tokens_per_second", 2300.5, 300)]:
        value = Summary.Value(tag=tag, simple_value=number)
        event = Event(wall_time=1.5, step=step, summary=Summary(value=[value]))
        writer.write(event.SerializeToString())
