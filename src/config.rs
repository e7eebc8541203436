//! TOML to a checked `Config`; every default is written here.
