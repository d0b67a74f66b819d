//! The public Rust API of Snapback and its tokio driver.
