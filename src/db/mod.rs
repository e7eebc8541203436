//! Durable rows in SQLite; one thread owns the connection.
