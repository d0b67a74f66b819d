//! A correct XMPP server for tests, with every quick-start capability as a switch.
