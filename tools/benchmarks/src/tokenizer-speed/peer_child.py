"""One measurement of a Python peer in a process of its own: `peer_child.py PLAN`; plan.ts says what goes in and out."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from corpus import load_records
from peers import PEERS, Ids, Peer

# These start as many threads as there are cores, whatever they are told.
USES_ALL_CORES = {"tokie", "fastokens", "kitoken", "bpe-openai", "tiktoken"}


class Clock:
    """Wall and process time that is added up while it runs."""

    def __init__(self) -> None:
        self.wall_s = 0.0
        self.cpu_s = 0.0

    def add(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self.wall_s += end[0] - begin[0]
        self.cpu_s += end[1] - begin[1]

    def measure(self) -> dict[str, float]:
        return {"wallMs": self.wall_s * 1e3, "cpuMs": self.cpu_s * 1e3}


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


class Pass:
    """One pass: encoding is timed alone, counting is encoding, the array of ids, and their histogram."""

    def __init__(self, peer: Peer, batches: list[list[Any]], id_count: int) -> None:
        self.encode, self.count = Clock(), Clock()
        counts = np.zeros(id_count, dtype=np.int64)
        parts: list[Ids] = []
        lengths: list[Any] = []
        for batch in batches:
            begin = now()
            result = peer.encode(batch)
            encoded = now()
            ids = peer.ids(result)
            found = np.bincount(ids, minlength=id_count)
            counts[: len(found)] += found[:id_count]
            counted = now()
            # What the comparison needs is taken off the clock; freeing the result is on it.
            parts.append(np.array(ids, dtype=np.uint32))
            lengths.append(np.array(peer.lengths(result), dtype=np.int64))
            del ids
            before = now()
            del result
            after = now()
            self.encode.add(begin, encoded)
            self.encode.add(before, after)
            self.count.add(begin, counted)
            self.count.add(before, after)
        self.ids = np.concatenate(parts)
        self.lengths = np.concatenate(lengths)


def differing_records(ids: Ids, lengths: Any, indices: list[int], prefix: str) -> int:
    """Records whose ids are not the reference's."""
    expected = np.fromfile(f"{prefix}.ids", dtype=np.uint32)
    offsets = np.fromfile(f"{prefix}.offsets", dtype=np.uint32).astype(np.int64)
    if len(lengths) != len(indices):
        return len(indices)
    if len(indices) == len(offsets) - 1 and np.array_equal(lengths, np.diff(offsets)) and np.array_equal(ids, expected):
        return 0
    starts = np.concatenate([[0], np.cumsum(lengths)])
    differing = 0
    for record, index in enumerate(indices):
        own = ids[starts[record] : starts[record + 1]]
        theirs = expected[offsets[index] : offsets[index + 1]]
        if len(own) != len(theirs) or own.tobytes() != theirs.tobytes():
            differing += 1
    return differing


def write_reference(measured: Pass, prefix: str) -> None:
    offsets = np.concatenate([[0], np.cumsum(measured.lengths)]).astype(np.uint32)
    measured.ids.tofile(f"{prefix}.ids.partial")
    offsets.tofile(f"{prefix}.offsets")
    os.rename(f"{prefix}.ids.partial", f"{prefix}.ids")


def peak_resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def run(plan: dict[str, Any]) -> dict[str, Any]:
    program, threads = plan["program"], plan["threadCount"]
    if threads == 1 and program in USES_ALL_CORES:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    try:
        peer = PEERS[program](plan["tokenizerFile"], plan.get("encodingName"), threads)
        # Imports and tables that are made at the first call are not what is measured.
        peer.ids(peer.encode([b"a" if peer.takes_bytes else "a"]))
    except BaseException as error:  # Rust's panics are not of class Exception.
        return {"refusal": f"{type(error).__name__}: {error}"[:200]}
    records, indices = load_records(plan["corpusFile"], plan.get("sampleBytes"))
    texts: list[Any] = records if peer.takes_bytes else [record.decode() for record in records]
    size = plan["batchRecords"]
    batches = [texts[at : at + size] for at in range(0, len(texts), size)]
    vocabulary = json.loads(Path(plan["tokenizerFile"]).read_bytes())
    ids = [token["id"] for token in vocabulary["added_tokens"]]
    model = vocabulary["model"]["vocab"]
    id_count = 1 + max([*ids, *(model.values() if isinstance(model, dict) else [len(model) - 1])])

    passes: list[Pass] = []
    peak = 0
    try:
        passes.append(Pass(peer, batches, id_count))
        peak = peak_resident_bytes()
        if passes[0].encode.wall_s * 1e3 < plan["secondPassLimitMs"]:
            passes.append(Pass(peer, batches, id_count))
    except BaseException as error:
        return {"refusal": f"{type(error).__name__}: {error}"[:200]}
    if plan.get("isReference"):
        write_reference(passes[0], plan["referencePrefix"])
    return {
        "version": peer.version,
        "sizeBytes": sum(map(len, records)),
        "recordCount": len(records),
        "tokenCount": len(passes[0].ids),
        "passes": [{"encode": each.encode.measure(), "count": each.count.measure()} for each in passes],
        "differingRecordCount": max(
            differing_records(each.ids, each.lengths, indices, plan["referencePrefix"]) for each in passes
        ),
        "differingIdCount": 0,
        "peakResidentBytes": peak,
    }


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
