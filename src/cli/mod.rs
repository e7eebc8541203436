//! One file a command: parses its arguments, calls downward, prints the result.
