//! The table of advice. Rows are followed in this order: what a row saves is counted after the rows above it.
//!
//! Lines for Prosody are those of 13.0 and for ejabberd those of 24.12. `tests/interop/tests/probe.rs` follows those about
//! Nagle's algorithm, tickets, SASL2, FAST and the time for which sessions are kept; the others
//! were not followed.

use snapback_client::Transport;
use snapback_client::proto::stream::features::{
    Bind2Features, FastFeatures, Sasl2Features, StreamFeatures, StreamLimits,
};

use super::advice::{Advice, Setting};
use super::facts::{DirectTls, Facts};
use super::report::AccountReport;

/// The least time for which a session should be kept, in seconds: a phone may be without a network for ten minutes.
const LEAST_WINDOW: u32 = 600;

const RECORDS: &str = "in the DNS:\n\
    _xmpps-client._tcp.DOMAIN. 3600 IN SRV 0 5 5223 HOST.\n\
    _xmpp-client._tcp.DOMAIN.  3600 IN SRV 10 5 5222 HOST.";

/// All advice.
pub(super) static TABLE: [Advice; 27] = [
    Advice {
        id: "unreachable-endpoint",
        is_for_round_trips: true,
        text: "An endpoint that clients try first accepts no connection: at least a round trip, and as much as the client's \
               timeout.",
        applies: |facts| facts.unreachable_first,
        follow: |facts| facts.unreachable_first = false,
        prosody: Setting::Lines(
            "-- remove the SRV or address record, or open the port:\nc2s_ports = { 5222 }\nc2s_direct_tls_ports = { 5223 }",
        ),
        ejabberd: Setting::Lines(
            "# remove the SRV or address record, or open the port:\nlisten:\n  - {port: 5223, ip: \"::\", module: ejabberd_c2s, tls: true}",
        ),
        not_tried: &[],
    },
    Advice {
        id: "direct-tls",
        is_for_round_trips: true,
        text: "Direct TLS (XEP-0368) is not in the DNS: each connection begins with a round trip for <starttls/>.",
        applies: |facts| {
            facts.transport == Transport::StartTls && facts.direct_tls == DirectTls::Absent
        },
        follow: |facts| {
            facts.transport = Transport::DirectTls;
            facts.direct_tls = DirectTls::First;
        },
        prosody: Setting::Lines(
            "c2s_direct_tls_ports = { 5223 }\n-- and in the DNS:\n-- _xmpps-client._tcp.DOMAIN. 3600 IN SRV 0 5 5223 HOST.",
        ),
        ejabberd: Setting::Lines(
            "listen:\n  - {port: 5223, ip: \"::\", module: ejabberd_c2s, access: c2s, tls: true}\n# and in the DNS:\n# _xmpps-client._tcp.DOMAIN. 3600 IN SRV 0 5 5223 HOST.",
        ),
        not_tried: &[
            (
                "Openfire",
                "xmpp.socket.ssl.active = true, xmpp.socket.ssl.port = 5223; the SRV record as above",
            ),
            (
                "Tigase",
                "c2s { connections { 5223 { socket = 'ssl' } } }; the SRV record as above",
            ),
        ],
    },
    Advice {
        id: "direct-tls-priority",
        is_for_round_trips: true,
        text: "STARTTLS has a lower SRV priority value than direct TLS, so clients use it first: a round trip for <starttls/>.",
        applies: |facts| {
            facts.transport == Transport::StartTls && facts.direct_tls == DirectTls::Later
        },
        follow: |facts| {
            facts.transport = Transport::DirectTls;
            facts.direct_tls = DirectTls::First;
        },
        prosody: Setting::Lines(RECORDS),
        ejabberd: Setting::Lines(RECORDS),
        not_tried: &[],
    },
    Advice {
        id: "starttls-pipelining",
        is_for_round_trips: true,
        text: "A stream header and <starttls/> in one write are not answered: a round trip for clients that use STARTTLS.",
        applies: |facts| facts.transport == Transport::StartTls && !facts.starttls_pipelined,
        follow: |facts| facts.starttls_pipelined = true,
        prosody: Setting::None("it answers them; look at what stands in front of it"),
        ejabberd: Setting::None("it answers them; look at what stands in front of it"),
        not_tried: &[],
    },
    Advice {
        id: "nagle",
        is_for_round_trips: true,
        text: "The answer to the login waits until the client has acknowledged the TLS tickets before it (Nagle's algorithm): \
               a round trip at each login.",
        applies: |facts| facts.answer_held,
        follow: |facts| facts.answer_held = false,
        prosody: Setting::Lines("network_settings = { nagle = false }"),
        ejabberd: Setting::None("it does not hold answers; look at what stands in front of it"),
        not_tried: &[],
    },
    Advice {
        id: "tls-1.3",
        is_for_round_trips: true,
        text: "The server has TLS 1.2 only: a round trip more at each handshake, and no early data.",
        applies: |facts| !facts.tls13,
        follow: |facts| facts.tls13 = true,
        prosody: Setting::Lines("ssl = { protocol = \"tlsv1_2+\" }"),
        ejabberd: Setting::Lines(
            "# without \"no_tlsv1_3\":\nc2s_protocol_options: [no_sslv3, no_tlsv1, no_tlsv1_1]",
        ),
        not_tried: &[],
    },
    Advice {
        id: "hello-retry",
        is_for_round_trips: true,
        text: "The server refuses the key exchange X25519, which clients offer first: a round trip for a second ClientHello.",
        applies: |facts| facts.retried,
        follow: |facts| facts.retried = false,
        prosody: Setting::Lines(
            "ssl = { curveslist = { \"X25519\", \"prime256v1\", \"secp384r1\" } }",
        ),
        ejabberd: Setting::None("OpenSSL's own list of groups decides (openssl.cnf, Groups)"),
        not_tried: &[],
    },
    Advice {
        id: "tls-tickets",
        is_for_round_trips: false,
        text: "TLS tickets are not accepted: each handshake sends and checks the certificates again. A TLS 1.3 ticket saves \
               no round trip by itself.",
        applies: |facts| facts.ticket_accepted == Some(false),
        follow: |facts| facts.ticket_accepted = Some(true),
        prosody: Setting::Lines(
            "-- in each port's own table, beside key and certificate:\nc2s_direct_tls_ssl = { options = { no_ticket = false } }\nssl = { options = { no_ticket = false } } -- under VirtualHost, for STARTTLS",
        ),
        ejabberd: Setting::None("24.12 issues tickets and accepts none"),
        not_tried: &[],
    },
    Advice {
        id: "sasl2",
        is_for_round_trips: true,
        text: "There is no SASL2 (XEP-0388) with Bind 2 (XEP-0386): the restart of the stream after the login is a round trip.",
        applies: |facts| facts.features.sasl2.is_none(),
        follow: |facts| {
            let mut mechanisms = facts.features.sasl1.clone().unwrap_or_default();
            if facts.features.channel_bindings.is_none() {
                // SASL2 offers these together with a list of types only (XEP-0388).
                mechanisms.retain(|name| !name.ends_with("-PLUS"));
            }
            facts.features.sasl2 = Some(Sasl2Features {
                mechanisms,
                bind2: Some(Bind2Features::default()),
                sm: true,
                fast: None,
            });
        },
        prosody: Setting::Lines(
            "-- in modules_enabled, from prosody-modules:\n\"sasl2\"; \"sasl2_bind2\"; \"sasl2_sm\";",
        ),
        ejabberd: Setting::None("24.12 has it without a setting; update"),
        not_tried: &[],
    },
    Advice {
        id: "bind2",
        is_for_round_trips: true,
        text: "SASL2 has no Bind 2 (XEP-0386): a round trip for each new session.",
        applies: |facts| sasl2(facts, |sasl2| sasl2.bind2.is_none()),
        follow: |facts| {
            change(facts, |sasl2| sasl2.bind2 = Some(Bind2Features::default()));
        },
        prosody: Setting::Lines("-- in modules_enabled, from prosody-modules:\n\"sasl2_bind2\";"),
        ejabberd: Setting::None("24.12 has it without a setting; update"),
        not_tried: &[],
    },
    Advice {
        id: "inline-resumption",
        is_for_round_trips: true,
        text: "SASL2 does not resume sessions (XEP-0198 section 9): a round trip for each resumption.",
        applies: |facts| sasl2(facts, |sasl2| !sasl2.sm),
        follow: |facts| change(facts, |sasl2| sasl2.sm = true),
        prosody: Setting::Lines(
            "-- in modules_enabled, from prosody-modules:\n\"smacks\"; \"sasl2_sm\";",
        ),
        ejabberd: Setting::Lines("modules:\n  mod_stream_mgmt: {}"),
        not_tried: &[],
    },
    Advice {
        id: "fast",
        is_for_round_trips: true,
        text: "There is no FAST (XEP-0484) with channel binding: SCRAM takes a round trip more than a token.",
        applies: |facts| facts.token().is_none(),
        follow: |facts| {
            let fast = FastFeatures {
                mechanisms: vec!["HT-SHA-256-EXPR".to_owned()],
                tls_0rtt: false,
            };
            change(facts, |sasl2| sasl2.fast = Some(fast.clone()));
        },
        prosody: Setting::Lines("-- in modules_enabled, from prosody-modules:\n\"sasl2_fast\";"),
        ejabberd: Setting::Lines("modules:\n  mod_auth_fast: {}"),
        not_tried: &[],
    },
    Advice {
        id: "pipelining",
        is_for_round_trips: true,
        text: "Pipelining (XEP-0305) is not offered: with STARTTLS the ClientHello waits for <proceed/>. No packaged module \
               offers it; mod_quickstart of this project does.",
        applies: |facts| !facts.features.pipelining,
        follow: |facts| facts.features.pipelining = true,
        prosody: Setting::None(
            "mod_quickstart: tests/interop/prosody/mod_quickstart in the sources of Snapback",
        ),
        ejabberd: Setting::None("it has no such module"),
        not_tried: &[(
            "Tigase",
            "pipelining of STARTTLS is built in and off by default",
        )],
    },
    Advice {
        id: "early-data",
        is_for_round_trips: false,
        text: "TLS 1.3 early data is not offered: it would carry a FAST login in the first flight, where an app allows it.",
        applies: |facts| !facts.early_data,
        follow: |facts| facts.early_data = true,
        prosody: Setting::None("13.0 has no early data"),
        ejabberd: Setting::None("24.12 has no early data"),
        not_tried: &[(
            "MongooseIM",
            "early_data = true in the tls section of the c2s listener",
        )],
    },
    Advice {
        id: "scram",
        is_for_round_trips: false,
        text: "The server offers no SCRAM: a client logs in only if it may show the server its password.",
        applies: |facts| !mechanisms(&facts.features).any(|name| name.starts_with("SCRAM-")),
        follow: |facts| {
            let mechanisms = facts.features.sasl1.get_or_insert_default();
            mechanisms.push("SCRAM-SHA-1".to_owned());
        },
        prosody: Setting::Lines("authentication = \"internal_hashed\""),
        ejabberd: Setting::Lines("auth_method: [internal]\nauth_password_format: scram"),
        not_tried: &[],
    },
    Advice {
        id: "channel-binding",
        is_for_round_trips: false,
        text: "No SCRAM with channel binding (-PLUS) or no list of its types (XEP-0440): a login is not tied to its TLS \
               connection, and FAST tokens are not either.",
        applies: |facts| !binds(&facts.features),
        follow: |facts| {
            let mechanisms = facts.features.sasl1.get_or_insert_default();
            mechanisms.push("SCRAM-SHA-1-PLUS".to_owned());
            facts.features.channel_bindings = Some(vec!["tls-exporter".to_owned()]);
        },
        prosody: Setting::Lines(
            "-- 13.0 with a LuaSec that has tls-exporter (1.3 or later), or with the older binding:\ntls_server_end_point_hash = \"auto\"",
        ),
        ejabberd: Setting::None("24.12 has it without a setting; update"),
        not_tried: &[],
    },
    Advice {
        id: "limits",
        is_for_round_trips: false,
        text: "The limits of a stream (XEP-0478) are not announced: a client learns the largest stanza by losing its \
               connection.",
        applies: |facts| facts.features.limits.is_none(),
        follow: |facts| facts.features.limits = Some(StreamLimits::default()),
        prosody: Setting::None("13.0 announces them without a setting; update"),
        ejabberd: Setting::None("24.12 does not announce them"),
        not_tried: &[],
    },
    Advice {
        id: "ipv6",
        is_for_round_trips: false,
        text: "No host has an IPv6 address: in a network with IPv6 only, a translator stands in between.",
        applies: |facts| !facts.ipv6,
        follow: |facts| facts.ipv6 = true,
        prosody: Setting::Lines("interfaces = { \"*\", \"::\" }\n-- and an AAAA record for HOST"),
        ejabberd: Setting::Lines(
            "listen:\n  - {port: 5223, ip: \"::\", module: ejabberd_c2s, tls: true}\n# and an AAAA record for HOST",
        ),
        not_tried: &[],
    },
    Advice {
        id: "stream-management",
        is_for_round_trips: false,
        text: "There is no stream management (XEP-0198): after each break messages may be lost, and the session begins anew.",
        applies: |facts| facts.is(|account| !account.stream_management),
        follow: |facts| of_account(facts, |account| account.stream_management = true),
        prosody: Setting::Lines("-- in modules_enabled:\n\"smacks\";"),
        ejabberd: Setting::Lines("modules:\n  mod_stream_mgmt: {}"),
        not_tried: &[
            ("Openfire", "stream.management.active = true"),
            ("Tigase", "c2s { 'urn:xmpp:sm:3' {} }"),
        ],
    },
    Advice {
        id: "resumption",
        is_for_round_trips: false,
        text: "A session was not resumed after its connection was cut.",
        applies: |facts| {
            facts.is(|account| account.stream_management && account.resumed == Some(false))
        },
        follow: |facts| of_account(facts, |account| account.resumed = Some(true)),
        prosody: Setting::Lines("smacks_hibernation_time = 600"),
        ejabberd: Setting::Lines("modules:\n  mod_stream_mgmt:\n    resume_timeout: 600"),
        not_tried: &[],
    },
    Advice {
        id: "session-time",
        is_for_round_trips: false,
        text: "Sessions are kept for less than ten minutes: a phone that is without a network for longer begins anew.",
        applies: |facts| facts.is(|account| account.max.is_some_and(|max| max < LEAST_WINDOW)),
        follow: |facts| of_account(facts, |account| account.max = Some(LEAST_WINDOW)),
        prosody: Setting::Lines("smacks_hibernation_time = 600"),
        ejabberd: Setting::Lines("modules:\n  mod_stream_mgmt:\n    resume_timeout: 600"),
        not_tried: &[],
    },
    Advice {
        id: "client-state",
        is_for_round_trips: false,
        text: "There is no client state indication (XEP-0352): a phone in a pocket receives each presence at once.",
        applies: |facts| facts.is(|account| !account.csi),
        follow: |facts| of_account(facts, |account| account.csi = true),
        prosody: Setting::Lines("-- in modules_enabled:\n\"csi_simple\";"),
        ejabberd: Setting::Lines("modules:\n  mod_client_state: {}"),
        not_tried: &[
            ("Openfire", "built in"),
            ("Tigase", "'sess-man' { 'urn:xmpp:csi:0' {} }"),
        ],
    },
    Advice {
        id: "carbons",
        is_for_round_trips: false,
        text: "There are no carbons (XEP-0280): a device does not see what another one sends.",
        applies: |facts| facts.is(|account| !account.carbons),
        follow: |facts| of_account(facts, |account| account.carbons = true),
        prosody: Setting::Lines("-- in modules_enabled:\n\"carbons\";"),
        ejabberd: Setting::Lines("modules:\n  mod_carboncopy: {}"),
        not_tried: &[
            ("Openfire", "built in"),
            ("Tigase", "'sess-man' { 'urn:xmpp:carbons:2' {} }"),
        ],
    },
    Advice {
        id: "archive",
        is_for_round_trips: false,
        text: "There is no archive (XEP-0313): what a lost session had not delivered is lost.",
        applies: |facts| facts.is(|account| !account.archive),
        follow: |facts| of_account(facts, |account| account.archive = true),
        prosody: Setting::Lines("-- in modules_enabled:\n\"mam\";"),
        ejabberd: Setting::Lines("modules:\n  mod_mam:\n    default: always"),
        not_tried: &[
            ("Openfire", "the plugin Monitoring Service"),
            ("Tigase", "'sess-man' { 'urn:xmpp:mam:1' {} }"),
        ],
    },
    Advice {
        id: "push",
        is_for_round_trips: false,
        text: "There is no push (XEP-0357): a suspended app learns nothing until it is opened.",
        applies: |facts| facts.is(|account| !account.push),
        follow: |facts| of_account(facts, |account| account.push = true),
        prosody: Setting::Lines("-- in modules_enabled:\n\"cloud_notify\";"),
        ejabberd: Setting::Lines("modules:\n  mod_push: {}\n  mod_push_keepalive: {}"),
        not_tried: &[
            ("Openfire", "the plugin Push Notification"),
            ("Tigase", "'sess-man' { 'urn:xmpp:push:0' {} }"),
        ],
    },
    Advice {
        id: "blocking",
        is_for_round_trips: false,
        text: "There is no blocking (XEP-0191): spam is refused on the device only, after it was received.",
        applies: |facts| facts.is(|account| !account.blocking),
        follow: |facts| of_account(facts, |account| account.blocking = true),
        prosody: Setting::Lines("-- in modules_enabled:\n\"blocklist\";"),
        ejabberd: Setting::Lines("modules:\n  mod_blocking: {}"),
        not_tried: &[
            ("Openfire", "built in"),
            ("Tigase", "'sess-man' { 'urn:xmpp:blocking' {} }"),
        ],
    },
    Advice {
        id: "bind-pipelining",
        is_for_round_trips: false,
        text: "Stanzas right behind a bind request are not answered: what a new session begins with comes a round trip later.",
        applies: |facts| facts.is(|account| account.pipelined_bind == Some(false)),
        follow: |facts| of_account(facts, |account| account.pipelined_bind = Some(true)),
        prosody: Setting::None("it answers them; look at what stands in front of it"),
        ejabberd: Setting::None("it answers them; look at what stands in front of it"),
        not_tried: &[],
    },
];

fn sasl2(facts: &Facts, holds: impl Fn(&Sasl2Features) -> bool) -> bool {
    facts.features.sasl2.as_ref().is_some_and(holds)
}

fn change(facts: &mut Facts, change: impl Fn(&mut Sasl2Features)) {
    if let Some(sasl2) = &mut facts.features.sasl2 {
        change(sasl2);
    }
}

fn of_account(facts: &mut Facts, change: impl Fn(&mut AccountReport)) {
    if let Some(account) = &mut facts.account {
        change(account);
    }
}

/// Returns whether a login can be bound to its channel.
fn binds(features: &StreamFeatures) -> bool {
    let is_plus = |name: &String| name.starts_with("SCRAM-") && name.ends_with("-PLUS");
    let has_plus = mechanisms(features).any(is_plus);
    let types = features.channel_bindings.as_deref().unwrap_or_default();
    has_plus && !types.is_empty()
}

/// Returns the mechanisms of both profiles.
fn mechanisms(features: &StreamFeatures) -> impl Iterator<Item = &String> {
    let sasl2 = features.sasl2.iter().flat_map(|it| &it.mechanisms);
    features.sasl1.iter().flatten().chain(sasl2)
}
