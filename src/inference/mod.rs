//! The two networks behind two functions.
