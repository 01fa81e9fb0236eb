"""The row floor: the least that any program must do to keep a change history of an ERP's rows.

    floor.py ERP.db FLOOR.db

Fetches all rows through the same driver, hashes each, compares with the stored hashes, and writes the changes (rows,
hashes and a history) in one transaction. No parsing, no rules, no audit, no guards.
"""

import sqlite3
import sys
from hashlib import blake2b


def main(erp: str, store: str) -> None:
    source = sqlite3.connect(f"file:{erp}?mode=ro", uri=True)
    target = sqlite3.connect(store, isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    cursor = source.execute("SELECT * FROM erp_order_lines")
    width = len(cursor.description)
    columns = ", ".join(f"c{number}" for number in range(width))
    target.execute(f"CREATE TABLE IF NOT EXISTS history ({columns}, run INTEGER)")
    target.execute("CREATE TABLE IF NOT EXISTS line (po TEXT, line INTEGER, hash BLOB, PRIMARY KEY (po, line))")
    (run,) = target.execute("SELECT COALESCE(MAX(run), 0) + 1 FROM history").fetchone()
    known = {(po, line): digest for po, line, digest in target.execute("SELECT po, line, hash FROM line")}
    changes = []
    while rows := cursor.fetchmany(5000):
        for row in rows:
            digest = blake2b(ascii(row).encode("ascii"), digest_size=16).digest()
            if known.get(row[:2]) != digest:
                changes.append((row, digest))
    target.execute("BEGIN IMMEDIATE")
    marks = ", ".join("?" * (width + 1))
    target.executemany(f"INSERT INTO history VALUES ({marks})", ((*row, run) for row, _ in changes))  # noqa: S608 - marks
    target.executemany("INSERT OR REPLACE INTO line VALUES (?, ?, ?)", ((*row[:2], digest) for row, digest in changes))
    target.execute("COMMIT")
    sys.stdout.write(f"{len(changes)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
