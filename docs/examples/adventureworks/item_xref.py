#!/usr/bin/env python3
"""Make the item cross-reference from AdventureWorks' product catalogue, for `po-ingest xref import`.

    item_xref.py CSV_FOLDER item_xref.csv

A product that a single vendor sells gets that vendor as its supplier. For a product of several vendors the supplier
stays empty, and each line keeps the vendor that its order was placed with. Standard library only.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

PRODUCT_NUMBER, ACCOUNT_NUMBER = 2, 1  # columns of Product.csv and Vendor.csv; the first is their number


def rows(folder: Path, table: str) -> list[list[str]]:
    """Read one of the sample's tables: tab-separated, without a header."""
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter="\t"))


def cross_reference(folder: Path) -> list[tuple[str, str]]:
    """Return product number and supplier (may be empty) of every product that has a vendor, by product number."""
    numbers = {row[0]: row[PRODUCT_NUMBER] for row in rows(folder, "Product")}
    accounts = {row[0]: row[ACCOUNT_NUMBER] for row in rows(folder, "Vendor")}
    vendors: dict[str, set[str]] = defaultdict(set)
    for product, vendor, *_ in rows(folder, "ProductVendor"):
        vendors[numbers[product]].add(accounts[vendor])
    return sorted((product, sellers.pop() if len(sellers) == 1 else "") for product, sellers in vendors.items())


def main() -> None:
    """Write the CSV file."""
    folder, target = map(Path, sys.argv[1:])
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("erp_item_code", "supplier_code"))
        writer.writerows(cross_reference(folder))


if __name__ == "__main__":
    main()
