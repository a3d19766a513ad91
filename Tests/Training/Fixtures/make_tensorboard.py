"""Writes tensorboard.bin: what TensorBoard's own writer makes of two scalars and a histogram at fixed times.

  pip install tensorboard && python3 make_tensorboard.py
"""
import pathlib

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.record_writer import RecordWriter

values = [(Summary.Value(tag="loss", simple_value=4.25), 1),
          (Summary.Value(tag="tokens_per_second", simple_value=2300.5), 300)]
statistics = {"mean": 0.5, "deviation": 1.0, "zeros": 0.25, "not_finite": 0.0}
for name, number in statistics.items():
    values.append((Summary.Value(tag=f"h.attention/{name}", simple_value=number), 301))
histogram = HistogramProto(min=-1, max=3, num=4, sum=2.0, sum_squares=5.0,
                           bucket_limit=[0.0, 1.0, 2.0, 3.0], bucket=[1.0, 2.0, 0.0, 1.0])
values.append((Summary.Value(tag="h.attention", histo=histogram), 301))

path = pathlib.Path(__file__).with_name("tensorboard.bin")
with open(path, "wb") as file:
    writer = RecordWriter(file)
    writer.write(Event(wall_time=1.5, file_version="brain.Event:2").SerializeToString())
    for value, step in values:
        event = Event(wall_time=1.5, step=step, summary=Summary(value=[value]))
        writer.write(event.SerializeToString())
