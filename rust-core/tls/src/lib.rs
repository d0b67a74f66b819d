//! TLS for Snapback: rustls as a state machine without I/O.
