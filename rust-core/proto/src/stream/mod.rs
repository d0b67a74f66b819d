//! The stream (RFC 6120 section 4): its header, its features, its errors.

pub mod features;
