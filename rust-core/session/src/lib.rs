//! Snapback's link (proto and TLS as one byte interface) and its supervisor.
