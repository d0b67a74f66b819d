//! Real servers, installed, configured and started for the tests.
