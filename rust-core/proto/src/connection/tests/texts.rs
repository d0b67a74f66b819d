//! What servers say, and how to find things in what we say.

use super::archive::{message, result};

pub(super) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='example.org' version='1.0'>";
pub(super) const STARTTLS: &str =
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
pub(super) const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub(super) const SASL1: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism></mechanisms>";
pub(super) const PIPELINING: &str = "<pipelining xmlns='urn:xmpp:features:pipelining'/>";
pub(super) const SM: &str = "<sm xmlns='urn:xmpp:sm:3'/>";
pub(super) const BIND: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
pub(super) const SESSION: &str = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
/// After SASL1.
pub(super) const AUTHENTICATED: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
    <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
    <sm xmlns='urn:xmpp:sm:3'/><csi xmlns='urn:xmpp:csi:0'/><ver xmlns='urn:xmpp:features:rosterver'/>";
const CHANNELS: &str = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
    <channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/></sasl-channel-binding>";
const BIND2: &str = "<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/>\
    <feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/></inline></bind>";
pub(super) const FAST: &str = "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism>\
    <mechanism>HT-SHA-256-ENDP</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>";
pub(super) const ENABLED: &str =
    "<enabled xmlns='urn:xmpp:sm:3' id='sm-1' resume='true' max='600'/>";
/// Where the archive ends.
pub(super) const METADATA: &str = "<metadata xmlns='urn:xmpp:mam:2'>\
    <start id='a' timestamp='2026-01-01T00:00:00Z'/><end id='a0' timestamp='2026-11-21T10:00:00Z'/></metadata>";
pub(super) const TOKEN: &str = "t0k3n-of-sixteen-or-more";
pub(super) const JID: &str = "juliet@example.org/balcony";
pub(super) const REQUEST: &str = "<r xmlns='urn:xmpp:sm:3'/>";
pub(super) const CLOSE: &str = "</stream:stream>";
pub(super) const MESSAGE: &str =
    "<message from='romeo@example.net/x' id='in1'><body>hi</body></message>";

pub(super) fn features(inner: &str) -> String {
    format!("<stream:features>{inner}</stream:features>")
}

/// A server with everything: SASL2, Bind 2, stream management, FAST.
pub(super) fn sasl2() -> String {
    sasl2_with(&format!("{BIND2}{SM}{FAST}"))
}

pub(super) fn sasl2_with(inline: &str) -> String {
    format!(
        "{CHANNELS}<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256</mechanism>\
         <mechanism>SCRAM-SHA-256-PLUS</mechanism><inline>{inline}</inline></authentication>"
    )
}

pub(super) fn bind2() -> &'static str {
    BIND2
}

/// The same with tokens that may travel in early data.
pub(super) fn sasl2_early() -> String {
    sasl2().replace(
        "<fast xmlns='urn:xmpp:fast:0'>",
        "<fast xmlns='urn:xmpp:fast:0' tls-0rtt='true'>",
    )
}

pub(super) fn sasl1(name: &str, data: &str) -> String {
    format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</{name}>")
}

pub(super) fn challenge2(data: &str) -> String {
    format!("<challenge xmlns='urn:xmpp:sasl:2'>{data}</challenge>")
}

pub(super) fn success2(data: &str, jid: &str, inner: &str) -> String {
    format!(
        "<success xmlns='urn:xmpp:sasl:2'><additional-data>{data}</additional-data>\
         <authorization-identifier>{jid}</authorization-identifier>{inner}</success>"
    )
}

pub(super) fn failure2(condition: &str, more: &str) -> String {
    format!(
        "<failure xmlns='urn:xmpp:sasl:2'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>{more}</failure>"
    )
}

pub(super) fn bound2(inner: &str) -> String {
    format!("<bound xmlns='urn:xmpp:bind:0'>{inner}</bound>")
}

pub(super) fn token() -> String {
    format!("<token xmlns='urn:xmpp:fast:0' token='{TOKEN}' expiry='2030-01-01T00:00:00Z'/>")
}

pub(super) fn resumed(h: u32) -> String {
    format!("<resumed xmlns='urn:xmpp:sm:3' previd='sm-1' h='{h}'/>")
}

pub(super) fn sm_failed(attributes: &str) -> String {
    format!(
        "<failed xmlns='urn:xmpp:sm:3' {attributes}><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    )
}

pub(super) fn ack(h: u32) -> String {
    format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>")
}

/// The answer to the bind request in this flight.
pub(super) fn bound(flight: &str) -> String {
    let id = id_before(flight, "urn:ietf:params:xml:ns:xmpp-bind");
    format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{JID}</jid></bind></iq>"
    )
}

/// The answer to `<session/>` in this flight.
pub(super) fn session_started(flight: &str) -> String {
    let id = id_before(flight, "urn:ietf:params:xml:ns:xmpp-session");
    format!("<iq type='result' id='{id}'/>")
}

/// The answer to the roster request in this flight.
pub(super) fn roster(flight: &str) -> String {
    let id = id_before(flight, "jabber:iq:roster");
    format!(
        "<iq type='result' id='{id}' to='{JID}'><query xmlns='jabber:iq:roster' ver='v7'>\
         <item jid='romeo@example.net' subscription='both'/></query></iq>"
    )
}

/// The answer to the archive query in this flight: the archive ends with `a0`, and there is nothing after it.
fn nothing_archived(flight: &str) -> String {
    if !flight.contains("<before/>") {
        return fin(flight, true, "");
    }
    let newest = result(flight, "a0", &message("in0"));
    format!("{newest}{}", fin(flight, true, "a0"))
}

/// The end of a page of the archive.
pub(super) fn fin(flight: &str, complete: bool, last: &str) -> String {
    let id = id_before(flight, "urn:xmpp:mam:2");
    let last = match last {
        "" => String::new(),
        last => format!("<last>{last}</last>"),
    };
    format!(
        "<iq type='result' id='{id}' to='{JID}'><fin xmlns='urn:xmpp:mam:2' complete='{complete}'>\
         <set xmlns='http://jabber.org/protocol/rsm'>{last}</set></fin></iq>"
    )
}

/// The answers to the archive, roster and service discovery requests in this flight.
pub(super) fn answers(flight: &str) -> String {
    let id = id_before(flight, "http://jabber.org/protocol/disco#info");
    let archive = if flight.contains("urn:xmpp:mam:2") {
        nothing_archived(flight)
    } else {
        String::new()
    };
    format!(
        "{archive}{}<iq type='result' id='{id}' from='example.org' to='{JID}'>\
         <query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mam:2'/></query></iq>",
        roster(flight)
    )
}

/// The id of the iq that holds this text.
pub(super) fn id_before(flight: &str, needle: &str) -> String {
    let before = flight.split_once(needle).map_or("", |(before, _)| before);
    let id = before.rsplit_once("id='").map_or("", |(_, id)| id);
    id.split_once('\'').map_or("", |(id, _)| id).to_owned()
}

/// The text of the first element of this name.
pub(super) fn text_of(flight: &str, name: &str) -> String {
    let start = flight
        .split_once(&format!("<{name}"))
        .map_or("", |(_, rest)| rest);
    let text = start.split_once('>').map_or("", |(_, text)| text);
    text.split_once('<').map_or("", |(text, _)| text).to_owned()
}

pub(super) fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
