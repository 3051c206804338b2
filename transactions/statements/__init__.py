"""Read statement files. Pure: bytes in, lines and reasons out; nothing here touches the database."""
