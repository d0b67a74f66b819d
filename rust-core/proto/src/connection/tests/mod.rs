//! A scripted peer drives a [`Connection`](super::Connection) through every login and every rule. Time is virtual;
//! there are no sockets and no TLS: what TLS would report is handed in.

mod garble;
mod memory;
mod passwords;
mod peer;
mod proofs;
mod scripts;
mod second_look;
mod setup;
mod texts;

mod archive;
mod bind_order;
mod bind_refused;
mod chunks;
mod doubles;
mod early_data;
mod first_bind;
mod graph;
mod login_binding;
mod login_sasl1;
mod login_sasl2;
mod refused_results;
mod resume_only;
mod rules_ack;
mod rules_answers;
mod rules_caps;
mod rules_count;
mod rules_input;
mod rules_login;
mod rules_ping;
mod rules_resume;
mod rules_tls;
mod unknown;
