//! Measures every row of the table of round trips.
fn main() {}
