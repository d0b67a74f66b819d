//! What Snapback remembers between connections.
