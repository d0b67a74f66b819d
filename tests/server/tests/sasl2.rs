//! SASL2, Bind 2, FAST, config version, inline resumption.

mod support;

use std::time::Duration;

use support::*;

use snapback_reference_server::{FastFailure, ReferenceServer, Switches};

const BIND: &str = "<bind xmlns='urn:xmpp:bind:0'><tag>Test</tag><enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>";

fn want_token(mechanism: &str) -> String {
    format!("<request-token xmlns='urn:xmpp:fast:0' mechanism='{mechanism}'/>")
}

fn modern() -> Switches {
    Switches {
        unprompted_restart: false,
        sm_request_every: None,
        ..Switches::modern()
    }
}

/// Returns a token for a mechanism.
fn token(server: &ReferenceServer, mechanism: &str) -> String {
    let mut client = Client::direct(server, &tls_config(server));
    let success = sasl2_login(&mut client, &want_token(mechanism));
    attribute(&success, "token", "token")
}

fn fast_xml(mechanism: &str, initial: &str, attributes: &str, inline: &str) -> String {
    format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'><initial-response>{initial}</initial-response>{USER_AGENT}<fast xmlns='urn:xmpp:fast:0'{attributes}/>{inline}</authenticate>"
    )
}

/// Does a FAST login with `HT-SHA-256-NONE`; returns the answer up to the end of success or failure.
fn fast_none(server: &ReferenceServer, token: &str, attributes: &str) -> String {
    let mut client = Client::direct(server, &tls_config(server));
    let (initial, _) = ht("juliet", token, b"");
    let login = fast_xml("HT-SHA-256-NONE", &initial, attributes, "");
    client.send(&format!("{HEADER_FROM}{login}"));
    let mut seen = client.until("</stream:features>");
    seen.push_str(&client.until("urn:xmpp:sasl:2'>"));
    seen.push_str(&client.until("</"));
    if seen.contains("<success") {
        seen.push_str(&client.until("</success>"));
    }
    seen
}

#[test]
fn s4_bind2_with_everything_inline() {
    let server = server(modern());
    let mut client = Client::direct(&server, &tls_config(&server));
    let success = sasl2_login(&mut client, BIND);
    let jid = content(&success, "authorization-identifier").to_owned();
    assert!(jid.starts_with("juliet@localhost/Test."), "{success}");
    assert!(
        success.contains("<bound xmlns='urn:xmpp:bind:0'><metadata xmlns='urn:xmpp:mam:2'/>"),
        "{success}"
    );
    assert!(
        success.contains("<enabled xmlns='urn:xmpp:sm:3' resume='true'"),
        "{success}"
    );
    client.until("</stream:features>");
    let session = server.sessions().remove(0);
    assert!(session.carbons && session.inactive && session.sm_id.is_some());
    assert_eq!(session.jid, jid);
}

#[test]
fn s4_hidden_without_from() {
    let server = server(modern());
    let mut client = Client::direct(&server, &tls_config(&server));
    client.send(HEADER);
    let features = client.until("</stream:features>");
    assert!(!features.contains("urn:xmpp:sasl:2"), "{features}");
    client.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>");
    assert!(client.rest().contains("<unsupported-stanza-type"));
}

#[test]
fn s4_resumes_inline_first_and_binds_otherwise() {
    let server = server(modern());
    let mut old = Client::direct(&server, &tls_config(&server));
    let success = sasl2_login(&mut old, BIND);
    let id = attribute(&success, "enabled", "id");
    server.inject_message("romeo@localhost/x", &server.sessions()[0].jid, "one");
    let mut new = Client::direct(&server, &tls_config(&server));
    let resume = |id: &str| format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>{BIND}");
    let success = sasl2_login(&mut new, &resume(&id));
    assert!(
        success.contains("<resumed xmlns='urn:xmpp:sm:3'"),
        "{success}"
    );
    assert!(!success.contains("<bound"), "{success}");
    let after = new.until("</message>");
    assert!(!after.contains("features"), "{after}");

    let mut third = Client::direct(&server, &tls_config(&server));
    let success = sasl2_login(&mut third, &resume("unknown"));
    assert!(
        success.contains("<failed xmlns='urn:xmpp:sm:3'><item-not-found"),
        "{success}"
    );
    assert!(success.contains("<bound"), "{success}");
}

#[test]
fn s5_every_fast_mechanism_proves_itself() {
    let server = server(modern());
    let config = tls_config(&server);
    for mechanism in ["HT-SHA-256-NONE", "HT-SHA-256-ENDP", "HT-SHA-256-EXPR"] {
        let token = token(&server, mechanism);
        let mut client = Client::direct(&server, &config);
        let binding = match mechanism {
            "HT-SHA-256-NONE" => Vec::new(),
            "HT-SHA-256-ENDP" => client.end_point(),
            _ => client.exporter(),
        };
        let (initial, proof) = ht("juliet", &token, &binding);
        let login = fast_xml(mechanism, &initial, "", BIND);
        client.send(&format!("{HEADER_FROM}{login}"));
        let success = client.until("</success>");
        assert_eq!(content(&success, "additional-data"), proof);
        assert!(success.contains("<bound"), "{success}");
    }
}

#[test]
fn s5_a_token_belongs_to_its_mechanism() {
    let server = server(modern());
    let token = token(&server, "HT-SHA-256-EXPR");
    assert!(fast_none(&server, &token, "").contains("<not-authorized"));
}

#[test]
fn s5_count_must_rise() {
    let server = server(modern());
    let token = token(&server, "HT-SHA-256-NONE");
    assert!(fast_none(&server, &token, " count='3'").contains("<success"));
    assert!(fast_none(&server, &token, " count='3'").contains("<not-authorized"));
    assert!(fast_none(&server, &token, " count='2'").contains("<not-authorized"));
    assert!(fast_none(&server, &token, " count='0'").contains("<malformed-request"));
    assert!(fast_none(&server, &token, " count='4'").contains("<success"));
}

#[test]
fn s5_rotation_keeps_the_old_token_until_the_new_one_is_used() {
    let server = server(modern());
    let old = token(&server, "HT-SHA-256-NONE");
    assert!(fast_none(&server, &old, "").contains("<success"));
    server.world(|world| world.age_fast_tokens("juliet", Duration::from_secs(10 * 86_400)));
    let rotated = fast_none(&server, &old, "");
    let new = attribute(&rotated, "token", "token");
    assert!(fast_none(&server, &old, "").contains("<success"));
    let rotated = fast_none(&server, &old, "");
    let newest = attribute(&rotated, "token", "token");
    assert!(
        fast_none(&server, &new, "").contains("<not-authorized"),
        "replaced unused"
    );
    assert!(fast_none(&server, &newest, "").contains("<success"));
    assert!(fast_none(&server, &old, "").contains("<not-authorized"));
}

#[test]
fn s5_invalidate_and_expiry() {
    let server = server(modern());
    let one = token(&server, "HT-SHA-256-NONE");
    assert!(fast_none(&server, &one, " invalidate='true'").contains("<success"));
    assert!(fast_none(&server, &one, "").contains("<not-authorized"));
    let two = token(&server, "HT-SHA-256-NONE");
    server.world(|world| world.age_fast_tokens("juliet", Duration::from_secs(30 * 86_400)));
    assert!(fast_none(&server, &two, "").contains("<credentials-expired"));
}

#[test]
fn s5_a_refused_token_leaves_the_stream_or_closes_it() {
    let server = server(modern());
    let (initial, _) = ht("juliet", "no such token", b"");
    let login = fast_xml("HT-SHA-256-NONE", &initial, "", "");
    let mut client = Client::direct(&server, &tls_config(&server));
    client.send(&format!(
        "{HEADER_FROM}{login}<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"
    ));
    let failure = client.until("</iq>");
    assert!(
        failure.contains("<failure") && failure.contains("<not-allowed"),
        "{failure}"
    );
    client.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGp1bGlldABzZWNyZXQ=</initial-response></authenticate>");
    client.until("</success>");

    server.switches(|switches| switches.fast_failure = FastFailure::StreamClosed);
    let mut client = Client::direct(&server, &tls_config(&server));
    client.send(&format!("{HEADER_FROM}{login}"));
    assert!(client.rest().ends_with("</failure></stream:stream>"));
}

#[test]
fn s7_a_config_version_mismatch_is_no_failed_login() {
    let server = server(modern());
    let mut client = Client::direct(&server, &tls_config(&server));
    client.send(&format!("{HEADER_FROM}<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGp1bGlldABzZWNyZXQ=</initial-response><config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='old'/></authenticate>"));
    let seen = client.until("</failure>");
    assert!(
        seen.contains("<config-version-mismatch xmlns='urn:xmpp:iap:0'/>"),
        "{seen}"
    );
    let version = attribute(&seen, "config-version", "value");
    client.send(&format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGp1bGlldABzZWNyZXQ=</initial-response><config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='{version}'/></authenticate>"));
    client.until("</success>");
    server.switches(|switches| switches.fast.clear());
    let mut client = Client::direct(&server, &tls_config(&server));
    client.send(HEADER_FROM);
    let features = client.until("</stream:features>");
    assert_ne!(attribute(&features, "config-version", "value"), version);
}

#[test]
fn s6_early_data_login_in_one_flight() {
    let server = server(Switches::modern());
    let config = tls_config(&server);
    let mut first = Client::direct(&server, &config);
    let success = sasl2_login(&mut first, &want_token("HT-SHA-256-ENDP"));
    let token = attribute(&success, "token", "token");
    let end_point = first.end_point();
    let (initial, proof) = ht("juliet", &token, &end_point);

    let login = fast_xml("HT-SHA-256-ENDP", &initial, " count='1'", BIND);
    let (mut client, written) = Client::early(&server, &config, &format!("{HEADER_FROM}{login}"));
    assert!(written);
    let success = client.until("</success>");
    assert_eq!(content(&success, "additional-data"), proof);
    let record = server.connections().pop().unwrap();
    assert_eq!(record.reads[0].early_elements, 1, "{record:?}");
    client.send("<active xmlns='urn:xmpp:csi:0'/><presence/>");
    client.until("<presence");
    let record = server.connections().pop().unwrap();
    let tls = record.tls.unwrap();
    assert!(tls.resumed && tls.early_data, "{tls:?}");

    // A replay: this count was used before.
    let (mut client, written) = Client::early(&server, &config, &format!("{HEADER_FROM}{login}"));
    assert!(written);
    assert!(client.until("</failure>").contains("<not-authorized"));
}

#[test]
fn s6_early_data_without_count_or_with_stanzas_is_refused() {
    let server = server(Switches::modern());
    let config = tls_config(&server);
    let mut first = Client::direct(&server, &config);
    let success = sasl2_login(&mut first, &want_token("HT-SHA-256-NONE"));
    let token = attribute(&success, "token", "token");
    let (initial, _) = ht("juliet", &token, b"");
    let login = fast_xml("HT-SHA-256-NONE", &initial, "", BIND);
    let (mut client, written) = Client::early(&server, &config, &format!("{HEADER_FROM}{login}"));
    assert!(written);
    assert!(client.rest().contains("<policy-violation"));
    let login = fast_xml("HT-SHA-256-NONE", &initial, " count='9'", BIND);
    let text = format!("{HEADER_FROM}{login}<presence/>");
    let (mut client, written) = Client::early(&server, &config, &text);
    assert!(written);
    assert!(client.rest().contains("<policy-violation"));
}

#[test]
fn s6_early_data_refused_by_a_server_that_changed() {
    let server = server(Switches::modern());
    let config = tls_config(&server);
    let mut first = Client::direct(&server, &config);
    sasl2_login(&mut first, "");
    first.until("</stream:features>");
    server.switches(|switches| switches.early_data = None);
    let (mut client, written) = Client::early(&server, &config, HEADER_FROM);
    assert!(written);
    client.finish_handshake().unwrap();
    assert!(!client.tls.as_ref().unwrap().is_early_data_accepted());
    client.send(HEADER_FROM);
    let features = client.until("</stream:features>");
    assert!(!features.contains("tls-0rtt"));
}
