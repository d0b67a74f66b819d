//! Simulated links between a client and a server.
