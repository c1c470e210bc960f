"""What the program hears is, sample for sample, what was played."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from tests.end_to_end.virtual_microphone import DEVICE, VirtualMicrophone

SECONDS = 10
LEAD_S = 3  # of silence: PortAudio's first callback comes more than a second after it connects
CAPTURE = """
import sys
import numpy as np
from live.sources.microphones.microphone import Microphone
from live.ring_buffer import Chunk, Gap, RingBuffer

microphone = Microphone(sys.argv[1])
ring = RingBuffer(10 * microphone.sample_rate, microphone.channels)
microphone.start(ring)
chunks, position = [], 0
while position < float(sys.argv[3]) * microphone.sample_rate:
    item = ring.read(4096)
    assert item is not None and item.position == position, "the stream has a hole"
    if isinstance(item, Chunk):
        chunks.append(item.samples[:, 0])
        position += len(item.samples)
    elif isinstance(item, Gap):
        print("gap", item)
        position += item.lost
microphone.stop()
np.save(sys.argv[2], np.concatenate(chunks))
"""


def test_every_sample_played_is_heard_once_and_in_order(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    played = np.random.default_rng(1).integers(-20_000, 20_000, SECONDS * virtual_microphone.sample_rate)
    path, heard_path = tmp_path / "noise.wav", tmp_path / "heard.npy"
    lead = np.zeros(LEAD_S * virtual_microphone.sample_rate, dtype=np.int16)
    mono = np.concatenate((lead, played.astype(np.int16)))
    stereo = np.repeat(mono[:, None], virtual_microphone.channels, axis=1)
    soundfile.write(path, stereo, virtual_microphone.sample_rate, subtype="PCM_16")
    capture = subprocess.Popen(
        [sys.executable, "-c", CAPTURE, DEVICE, str(heard_path), str(LEAD_S + SECONDS + 2)],
        env=virtual_microphone.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    virtual_microphone.wait_for_listener()
    virtual_microphone.play(path)
    said, _ = capture.communicate(timeout=60)
    assert capture.returncode == 0
    assert said == ""  # no gap
    heard = np.round(np.load(heard_path) * 32_768).astype(np.int64)
    begins = np.flatnonzero(heard)[0]
    first = np.flatnonzero(played)[0]
    length = min(len(heard) - begins, len(played) - first)
    assert length > (SECONDS - 1) * virtual_microphone.sample_rate
    np.testing.assert_array_equal(heard[begins : begins + length], played[first : first + length])
