"""From the buses to the outbox: a disk that stalls delays what is kept, never what is read."""

from gateway.recording.memos import Memos
from gateway.recording.recorder import Recorder
from gateway.recording.relay import Relay
from gateway.recording.stop_note import StopNote

__all__ = ["Memos", "Recorder", "Relay", "StopNote"]
