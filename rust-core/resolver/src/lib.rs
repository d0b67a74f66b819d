//! From a JID's domain to an ordered list of endpoints.
