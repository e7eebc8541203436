//! From instances to a volume: spool, series, eligibility, assembly.
