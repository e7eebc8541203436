//! Durable outbox: routing, retry, and one file a destination.
