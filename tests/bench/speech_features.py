#!/usr/bin/python3
"""Features of spoken sentences, as networks for speech take them.

usage: speech_features.py KIND OUT.bin UTTERANCES FRAMES

Lines of a text that every Debian machine has are spoken by espeak-ng, with noise, and written as
little-endian float32 of shape (UTTERANCES, FRAMES, WIDTH). KIND:
  magnitude  magnitudes of 512 samples, hop 128 (width 257): DTLN
  spectrum   real and imaginary parts of 512 samples, hop 256 (width 514): GTCRN
  mel-stack  logarithmic mel energies of 25 ms, five frames side by side (width 400): FSMN
  mel-pitch  40 of them and a pitch of 0, three frames side by side (width 123): TEN VAD
"""
import os
import subprocess
import sys
import tempfile
import wave

import numpy as np

RATE = 16000
VOICES = ["en", "en-us", "en+f2", "en-us+m3", "en+f4", "en+m7"]
TEXT = "/usr/share/common-licenses/GPL-3"


def spoken(sentence, voice, folder):
    path = os.path.join(folder, "spoken.wav")
    subprocess.run(["espeak-ng", "-v", voice, "-w", path, sentence], check=True)
    with wave.open(path) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
    times = np.arange(int(len(samples) * RATE / rate)) * rate / RATE
    return np.interp(times, np.arange(len(samples)), samples)


def sentences():
    with open(TEXT, encoding="utf-8") as file:
        words = file.read().split()
    return [" ".join(words[i : i + 14]) for i in range(0, len(words), 14)]


def framed(samples, size, hop, count):
    needed = size + hop * (count - 1)
    samples = np.resize(samples, needed)
    return np.stack([samples[i * hop : i * hop + size] for i in range(count)])


def mel_filters(bands, size):
    def mel(hertz):
        return 1127 * np.log(1 + hertz / 700)

    centres = np.linspace(mel(20), mel(RATE / 2), bands + 2)
    bins = mel(np.arange(size // 2 + 1) * RATE / size)
    rising = (bins - centres[:-2, None]) / (centres[1:-1] - centres[:-2])[:, None]
    falling = (centres[2:, None] - bins) / (centres[2:] - centres[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


def log_mel(samples, bands, frames):
    windows = framed(samples, 400, 160, frames) * np.hamming(400)
    power = np.abs(np.fft.rfft(windows, 512)) ** 2
    return np.log(power @ mel_filters(bands, 512).T + 1e-7)


def stacked(frames, context):
    return np.concatenate([frames[i : len(frames) - context + 1 + i] for i in range(context)], 1)


def features(kind, samples, frames):
    if kind == "magnitude":
        return np.abs(np.fft.rfft(framed(samples, 512, 128, frames)))
    if kind == "spectrum":
        spectrum = np.fft.rfft(framed(samples, 512, 256, frames) * np.sqrt(np.hanning(512)))
        return np.stack([spectrum.real, spectrum.imag], -1).reshape(frames, -1)
    if kind == "mel-stack":
        return stacked(log_mel(samples, 80, frames + 4), 5)
    if kind == "mel-pitch":
        mel = log_mel(samples, 40, frames + 2)
        return stacked(np.concatenate([mel, np.zeros((len(mel), 1))], 1), 3)
    raise SystemExit(f"unknown kind {kind}")


def main():
    kind, out, utterances, frames = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    random = np.random.default_rng(0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        texts = sentences()
        for i in range(utterances):
            samples = spoken(texts[i % len(texts)], VOICES[i % len(VOICES)], folder)
            noise = random.standard_normal(len(samples)) * np.std(samples)
            samples = samples + noise * 10 ** (-random.uniform(5, 20) / 20)
            rows.append(features(kind, samples, frames))
    values = np.stack(rows)
    if kind.startswith("mel"):
        values = (values - values.mean((0, 1))) / (values.std((0, 1)) + 1e-6)
    values.astype("<f4").tofile(out)


main()
