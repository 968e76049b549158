"""Makes libs/dataset/fixtures: Parquet files as pyarrow writes them, and tables as Python's csv module reads them.

Needs pyarrow 26.0.1 (nothing else in the oracle environment does): python make_fixtures.py OUTPUT_FOLDER
"""

import csv
import io
import json
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = [
    ("a plain text", "left", 0, 0.5, "negative", False),
    ("two\nlines, \"quoted\"", "right", 1, -1.25, "positive", True),
    ("\ufeffBOM, na\u00efve \u65e5\u672c\u8a9e \U0001f600", "", 1, 3.0, "positive", True),
    ("", "empty text", 0, 1e-3, "negative", False),
    ("a plain text", "left", 1, 2.0, "positive", True),
]


def table(rows: list[tuple]) -> pa.Table:
    names = ["text", "pair", "label", "score", "name", "flag"]
    types = [pa.string(), pa.string(), pa.int64(), pa.float64(), pa.string(), pa.bool_()]
    columns = [pa.array(column, type) for column, type in zip(zip(*rows), types)]
    return pa.table(columns, names=names)


def write_parquet(folder: Path) -> None:
    for compression in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
        pq.write_table(table(ROWS), folder / f"rows-{compression}.parquet", compression=compression, row_group_size=2)
    # Data page v2, no dictionary, a page index: pages of a few rows each.
    many = [(f"text {index}", "", index % 2, float(index), "x", False) for index in range(1000)]
    pq.write_table(
        table(many), folder / "pages.parquet", use_dictionary=False, data_page_version="2.0", data_page_size=512,
        write_batch_size=64, write_page_index=True, row_group_size=300,
    )
    nulls = [*ROWS[:2], ("no label", "", None, None, None, None), (None, "", 1, 1.0, "positive", True)]
    pq.write_table(table(nulls), folder / "nulls.parquet")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), folder / "empty.parquet")
    nested = pa.table({"text": [["a", "b"], ["c"]], "label": [0, 1]})
    pq.write_table(nested, folder / "nested.parquet")
    words = pa.table({
        "tokens": [["EU", "rejects", "na\u00efve"], ["Peter"], ["\u65e5\u672c", "\U0001f600"]],
        "ner_tags": pa.array([[3, 0, 7], [1], [5, 0]], pa.list_(pa.int64())),
        "names": [["B-ORG", "O", "O"], ["B-PER"], ["B-LOC", "O"]],
    })
    pq.write_table(words, folder / "words.parquet", row_group_size=2)
    chats = pa.table({"chat": [
        [{"role": "user", "content": "na\u00efve \u65e5\u672c", "name": None}, {"role": "assistant", "content": "\U0001f600", "name": "bot"}],
        [{"role": "user", "content": "", "name": None}],
    ]})
    pq.write_table(chats, folder / "messages.parquet")
    # As the data set `squad` of Hugging Face has it: a structure of lists.
    answers = pa.struct([("text", pa.list_(pa.string())), ("answer_start", pa.list_(pa.int32()))])
    questions = pa.table({
        "question": ["Who?", "Where?", "Why?"],
        "context": ["\U0001f600 It was Ann.", "In \u6771\u4eac, they say.", "Nobody knows."],
        "answers": pa.array([
            {"text": ["Ann", "Ann."], "answer_start": [9, 9]}, {"text": ["\u6771\u4eac"], "answer_start": [3]}, {"text": [], "answer_start": []},
        ], answers),
    })
    pq.write_table(questions, folder / "questions.parquet")
    latin1 = pa.array([b"caf\xe9", b"ok"], pa.binary())
    pq.write_table(pa.table({"text": latin1}), folder / "invalid-utf8.parquet")
    numbers = pa.table({"text": pa.array([2**60, 1], pa.int64()), "label": pa.array([2**60, 1], pa.int64())})
    pq.write_table(numbers, folder / "large-integers.parquet")


def read_csv(text: str, delimiter: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def write_tables(folder: Path) -> None:
    cases = [
        'text,label\nplain,0\n"with, comma",1\n"with ""quotes""",0\n',
        'text,label\r\n"two\r\nlines",1\r\nlast,0',
        'label,text\n1,"\nstarts with a line feed"\n0,""\n',
        'text,label\n\n one ,0\n\n\ntwo,1\n\n',
        '"text","the label"\n"""",1\n"""""",2\n',
        "text,label\n日本語,0\né😀,1\n",
    ]
    random.seed(5)
    alphabet = ['"', ",", "\n", "\r\n", "\t", "a", "b", " ", "é"]
    for _ in range(60):
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator=random.choice(["\n", "\r\n"]))
        writer.writerow(["text", "label"])
        for row in range(random.randrange(1, 6)):
            writer.writerow(["".join(random.choices(alphabet, k=random.randrange(0, 12))), row])
        cases.append(buffer.getvalue())
    tables = [{"delimiter": ",", "text": text, "rows": read_csv(text, ",")} for text in cases]
    tsv = ['text\tlabel\na, b\t0\n"tab\there"\t1\n']
    tables += [{"delimiter": "\t", "text": text, "rows": read_csv(text, "\t")} for text in tsv]
    (folder / "tables.json").write_text(json.dumps(tables, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_parquet(target)
    write_tables(target)
