"""One file a kind of database: all that differs between them."""
