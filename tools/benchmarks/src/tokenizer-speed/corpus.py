"""Records of a corpus file and the sample of them, the same as in corpus.ts."""

from __future__ import annotations

from pathlib import Path

SAMPLE_RUN_RECORDS = 1024


def load_records(file: str, sample_bytes: int | None) -> tuple[list[bytes], list[int]]:
    """Records of a file of one record a line, and which of the file's they are."""
    source = Path(file).read_bytes()
    lines = source.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    share = min(1.0, sample_bytes / len(source)) if sample_bytes is not None else 1.0
    indices = [record for record in range(len(lines)) if is_sampled(record, share)]
    return [lines[record] for record in indices], indices


def is_sampled(record: int, share: float) -> bool:
    run = record // SAMPLE_RUN_RECORDS
    return int((run + 1) * share) > int(run * share)
