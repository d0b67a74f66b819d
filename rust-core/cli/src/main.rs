//! The `snapback` command line.
fn main() {}
