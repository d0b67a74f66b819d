//! Stream Management: enable, acknowledge, resume, expire.

mod support;

use std::time::Duration;

use support::*;

use snapback_reference_server::Switches;

fn quiet() -> Switches {
    Switches {
        sm_request_every: None,
        ..Switches::stock_prosody()
    }
}

/// Opens a second connection of juliet, authenticated and not bound.
fn authenticated(server: &snapback_reference_server::ReferenceServer) -> Client {
    let mut client = Client::direct(server, &tls_config(server));
    scram_login(&mut client, Scram::new("SCRAM-SHA-1", "juliet", "secret"));
    client.send(HEADER_FROM);
    client.until("</stream:features>");
    client
}

#[test]
fn counts_and_requests() {
    let server = server(Switches {
        sm_request_every: Some(2),
        ..quiet()
    });
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    enable(&mut juliet);
    juliet.send(&format!(
        "{}<r xmlns='urn:xmpp:sm:3'/>",
        message("romeo@localhost", "one")
    ));
    juliet.until("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    server.inject_message("romeo@localhost/x", "juliet@localhost", "a");
    let first = juliet.until("</message>");
    assert!(!first.contains("<r "));
    server.inject_message("romeo@localhost/x", "juliet@localhost", "b");
    juliet.until("<r xmlns='urn:xmpp:sm:3'/>");
    juliet.send("<a xmlns='urn:xmpp:sm:3' h='2'/>");
    juliet.send("<a xmlns='urn:xmpp:sm:3' h='3'/>");
    let rest = juliet.rest();
    assert!(
        rest.contains("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='3' send-count='2'/>"),
        "{rest}"
    );
}

#[test]
fn resumes_after_a_cut_and_resends() {
    let server = server(quiet());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    let id = enable(&mut juliet);
    server.inject_message("romeo@localhost/x", "juliet@localhost", "a");
    server.inject_message("romeo@localhost/x", "juliet@localhost", "b");
    juliet.until("<body>b</body>");
    server.cut_all();
    juliet.rest();
    server.inject_message("romeo@localhost/x", "juliet@localhost", "c");

    let mut again = authenticated(&server);
    again.send(&format!(
        "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='1'/>"
    ));
    let resumed = again.until("<body>c</body>");
    assert!(
        resumed.contains("<resumed xmlns='urn:xmpp:sm:3'"),
        "{resumed}"
    );
    assert!(resumed.contains("h='0'"), "{resumed}");
    assert!(!resumed.contains("<body>a</body>"), "{resumed}");
    assert!(resumed.contains("<body>b</body>"), "{resumed}");
}

#[test]
fn resuming_while_the_old_connection_lives_displaces_it() {
    let server = server(quiet());
    let mut old = session(&server, "juliet", "secret", "balcony");
    let id = enable(&mut old);
    let mut new = authenticated(&server);
    new.send(&format!(
        "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"
    ));
    new.until("<resumed");
    assert!(old.rest().contains("<conflict"));
    server.inject_message("romeo@localhost/x", "juliet@localhost", "still here");
    new.until("<body>still here</body>");
}

#[test]
fn an_unknown_id_fails_and_the_stream_goes_on() {
    let server = server(quiet());
    let mut client = authenticated(&server);
    client.send("<resume xmlns='urn:xmpp:sm:3' previd='never' h='0'/>");
    client.until("<item-not-found");
    client.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    client.until("</iq>");
}

#[test]
fn an_expired_session_says_h_and_leaves_its_stanzas_for_the_next() {
    let server = server(Switches {
        sm_window: Duration::from_millis(50),
        ..quiet()
    });
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    let id = enable(&mut juliet);
    juliet.send(&format!(
        "{}<r xmlns='urn:xmpp:sm:3'/>",
        message("romeo@localhost", "one")
    ));
    juliet.until("<a xmlns");
    server.cut_all();
    juliet.rest();
    server.inject_message("romeo@localhost/x", "juliet@localhost", "late");
    for _ in 0..500 {
        if server.sessions().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut again = authenticated(&server);
    again.send(&format!(
        "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"
    ));
    let failed = again.until("</failed>");
    assert!(
        failed.contains("<failed xmlns='urn:xmpp:sm:3' h='1'>"),
        "{failed}"
    );
    again.send(
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><presence/>",
    );
    let late = again.until("</message>");
    assert!(
        late.contains("<body>late</body>") && late.contains("<delay xmlns='urn:xmpp:delay'"),
        "{late}"
    );
}

#[test]
fn resuming_with_an_h_that_is_too_high_is_a_stream_error() {
    let server = server(quiet());
    let mut old = session(&server, "juliet", "secret", "balcony");
    let id = enable(&mut old);
    let mut new = authenticated(&server);
    new.send(&format!(
        "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='7'/>"
    ));
    assert!(new.rest().contains("handled-count-too-high"));
}

#[test]
fn a_full_queue_ends_the_session() {
    let server = server(Switches {
        sm_queue_limit: 2,
        ..quiet()
    });
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    enable(&mut juliet);
    for n in 0..3 {
        server.inject_message("romeo@localhost/x", "juliet@localhost", &format!("m{n}"));
    }
    assert!(juliet.rest().contains("<resource-constraint"));
}

#[test]
fn location_and_a_window_that_the_client_may_shorten() {
    let server = server(Switches {
        sm_location: Some("other.example:5223".into()),
        ..quiet()
    });
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    juliet.send("<enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>");
    juliet.until("max='60' location='other.example:5223'/>");
    juliet.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    juliet.until("<unexpected-request");
}

#[test]
fn i14_only_the_end_tag_ends_a_session() {
    let server = server(quiet());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    enable(&mut juliet);
    juliet.tls.as_mut().unwrap().send_close_notify();
    juliet.flush();
    juliet.rest();
    assert_eq!(server.sessions().len(), 1);
    assert_eq!(server.sessions()[0].connection, None);
}
