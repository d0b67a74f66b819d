//! Between the protocol core and the driver, still without I/O: the link puts the stream and TLS behind one byte
//! interface, the supervisor says when to connect.

pub mod link;
pub mod supervisor;
