//! When to connect.
