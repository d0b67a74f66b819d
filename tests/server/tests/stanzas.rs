//! Requests of an established session: roster, archive, carbons, CSI, presence, disco.

mod support;

use std::time::Duration;

use base64::Engine as _;
use sha1::{Digest as _, Sha1};
use support::*;

use snapback_reference_server::{ReferenceServer, Switches};

fn quiet() -> Switches {
    Switches {
        unprompted_restart: false,
        sm_request_every: None,
        ..Switches::modern()
    }
}

/// Waits until the server has done something.
fn eventually(server: &ReferenceServer, done: impl Fn(&ReferenceServer) -> bool) {
    for _ in 0..500 {
        if done(server) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    unreachable!("it never happened");
}

#[test]
fn s8_roster_versions_and_pushes() {
    let server = server(quiet());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    juliet.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster' ver=''/></iq>");
    let empty = juliet.until("<query xmlns='jabber:iq:roster' ver='0'/>");
    assert!(empty.contains("type='result'"));
    juliet.until("</iq>");
    juliet.send("<iq type='set' id='2'><query xmlns='jabber:iq:roster'><item jid='romeo@localhost' name='R'><group>G</group></item></query></iq>");
    let push = juliet.until("</iq>");
    assert!(push.contains("<query xmlns='jabber:iq:roster' ver='1'><item jid='romeo@localhost' subscription='none' name='R'><group>G</group></item></query>"), "{push}");
    juliet.until("id='2'");
    juliet.send("<iq type='get' id='3'><query xmlns='jabber:iq:roster' ver='1'/></iq>");
    let same = juliet.until("id='3'");
    assert!(!same.contains("<query"), "{same}");
    juliet.send("<iq type='set' id='4'><query xmlns='jabber:iq:roster'><item jid='romeo@localhost' subscription='remove'/></query></iq>");
    juliet.until("subscription='remove'");
}

#[test]
fn archive_pages_and_metadata() {
    let server = server(quiet());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    for n in 0..5 {
        server.inject_message("romeo@localhost/x", "juliet@localhost", &format!("m{n}"));
    }
    let delivered = juliet.until("<body>m4</body>") + &juliet.until("</message>");
    let id = |n: usize| {
        let part = delivered
            .split(&format!("<body>m{n}</body>"))
            .nth(1)
            .unwrap();
        attribute(part, "stanza-id", "id")
    };
    let ask = |client: &mut Client, form: &str, set: &str| {
        client.send(&format!("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='f'>{form}<set xmlns='http://jabber.org/protocol/rsm'>{set}</set></query></iq>"));
        client.until("</iq>")
    };
    let last = ask(&mut juliet, "", "<max>2</max><before/>");
    assert!(
        last.contains("<body>m3</body>") && last.contains("<body>m4</body>"),
        "{last}"
    );
    assert!(
        !last.contains("<body>m2</body>") && !last.contains("complete='true'"),
        "{last}"
    );
    assert!(
        last.contains("queryid='f'") && last.contains("<count>5</count>"),
        "{last}"
    );
    let after = ask(
        &mut juliet,
        "",
        &format!("<max>9</max><after>{}</after>", id(2)),
    );
    assert!(
        after.contains("complete='true'") && !after.contains("<body>m2</body>"),
        "{after}"
    );
    assert!(after.contains("<body>m3</body>"), "{after}");
    let form = |var: &str, value: &str| {
        format!(
            "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='{var}'><value>{value}</value></field></x>"
        )
    };
    let none = ask(&mut juliet, &form("with", "tybalt@localhost"), "");
    assert!(!none.contains("<body>"), "{none}");
    let future = ask(&mut juliet, &form("start", "2999-01-01T00:00:00Z"), "");
    assert!(!future.contains("<body>"), "{future}");
    let lost = ask(&mut juliet, "", "<after>never</after>");
    assert!(lost.contains("<item-not-found"), "{lost}");
    let mut again = Client::direct(&server, &tls_config(&server));
    let success = sasl2_login(&mut again, "<bind xmlns='urn:xmpp:bind:0'/>");
    assert_eq!(attribute(&success, "start", "id"), id(0));
    assert_eq!(attribute(&success, "end", "id"), id(4));
}

#[test]
fn carbons_both_ways() {
    let server = server(quiet());
    let mut one = session(&server, "juliet", "secret", "one");
    let mut two = session(&server, "juliet", "secret", "two");
    two.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    two.until("id='c'");
    one.send(&message("romeo@localhost", "hello"));
    let sent = two.until("</sent>");
    assert!(sent.contains("<body>hello</body>"), "{sent}");
    server.inject_message("romeo@localhost/x", "juliet@localhost/one", "direct");
    two.until("<received");
    one.until("<body>direct</body>");
}

#[test]
fn csi_holds_presence_back() {
    let server = server(quiet());
    server.world(|world| world.befriend("juliet", "romeo"));
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    juliet.send("<inactive xmlns='urn:xmpp:csi:0'/>");
    eventually(&server, |server| server.sessions()[0].inactive);
    let mut romeo = session(&server, "romeo", "pass", "orchard");
    romeo.send(&message("juliet@localhost", "hi"));
    let before = juliet.until("<body>hi</body>");
    assert!(!before.contains("<presence"), "{before}");
    juliet.send("<active xmlns='urn:xmpp:csi:0'/>");
    juliet.until("from='romeo@localhost/orchard'");
}

#[test]
fn offline_messages_wait() {
    let server = server(quiet());
    server.inject_message("romeo@localhost/x", "juliet@localhost", "waiting");
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    let message = juliet.until("</message>");
    assert!(
        message.contains("<body>waiting</body>") && message.contains("<delay"),
        "{message}"
    );
}

#[test]
fn s9_server_caps_match_disco() {
    let server = server(quiet());
    let mut client = Client::direct(&server, &tls_config(&server));
    client.send(HEADER);
    let features = client.until("</stream:features>");
    let ver = attribute(&features, "c", "ver");
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    juliet.send("<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    let info = juliet.until("</iq>");
    let mut vars: Vec<_> = info
        .split("<feature var='")
        .skip(1)
        .map(|part| part.split('\'').next().unwrap())
        .collect();
    vars.sort_unstable();
    let text = format!("server/im//Reference server<{}<", vars.join("<"));
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha1::digest(text));
    assert_eq!(hash, ver);
}

#[test]
fn iqs_are_answered_or_routed_or_bounced() {
    let server = server(quiet());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    let mut romeo = session(&server, "romeo", "pass", "orchard");
    juliet.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert!(juliet.until("id='p'").contains("type='result'"));
    juliet.send("<iq type='get' id='u'><query xmlns='urn:example:unknown'/></iq>");
    juliet.until("<service-unavailable");
    juliet.send(
        "<iq type='get' id='n' to='romeo@localhost/nowhere'><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    juliet.until("<service-unavailable");
    juliet.send(
        "<iq type='get' id='v' to='romeo@localhost/orchard'><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    let asked = romeo.until("</iq>");
    assert!(asked.contains("from='juliet@localhost/balcony'"), "{asked}");
    romeo.send("<iq type='result' id='v' to='juliet@localhost/balcony'/>");
    juliet.until("id='v'");
}

#[test]
fn a_second_session_of_the_same_resource_displaces_the_first() {
    let server = server(quiet());
    let mut one = session(&server, "juliet", "secret", "same");
    let _two = session(&server, "juliet", "secret", "same");
    assert!(one.rest().contains("<conflict"));
}

#[test]
fn limits_are_kept() {
    let server = server(quiet());
    server.switches(|switches| switches.limits.as_mut().unwrap().max_bytes = 2000);
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    juliet.send(&message("romeo@localhost", &"x".repeat(2000)));
    assert!(juliet.rest().contains("<policy-violation"));
}

#[test]
fn silence_ends_where_the_limits_say_so() {
    let server = server(quiet());
    server.switches(|switches| switches.limits.as_mut().unwrap().idle_seconds = Some(1));
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    assert!(juliet.rest().contains("<connection-timeout"));
}

#[test]
fn a_spoofed_from_is_refused() {
    let server = server(quiet());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    juliet.send("<message from='romeo@localhost/x' to='juliet@localhost'/>");
    assert!(juliet.rest().contains("<not-authorized"));
}

#[test]
fn a_clean_close_leaves_nothing_to_resume() {
    let server = server(quiet());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    enable(&mut juliet);
    juliet.send("</stream:stream>");
    assert!(juliet.rest().ends_with("</stream:stream>"));
    assert!(server.sessions().is_empty());
}
