"""ERP sources: odbc, sqlite, csv."""
