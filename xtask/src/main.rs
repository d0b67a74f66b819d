//! The one way to do each chore, locally and in CI.
fn main() {}
