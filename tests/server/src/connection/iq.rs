//! Requests to the server and to the client's own account: roster, disco, ping, archive, carbons, session.

use sha1::{Digest as _, Sha1};

use super::{Connection, Cx};
use crate::faults::ArchiveFault;
use crate::jid;
use crate::ns;
use crate::switches::Switches;
use crate::world::{ArchiveAnswer, SessionId, error_answer};
use crate::xml::Element;

impl Connection {
    pub(super) fn iq(&mut self, cx: &mut Cx<'_>, account: &str, session: SessionId, iq: Element) {
        let own = cx.world.bare_jid(account);
        let is_to = |name: &str| iq.attribute("to").map(|to| to.eq_ignore_ascii_case(name));
        let to_server = is_to(cx.world.domain()) == Some(true);
        let to_account = is_to(&own).unwrap_or(true);
        if !to_server && !to_account {
            return cx.world.route_iq(iq);
        }
        let is_query = iq.find(ns::MAM, "query").is_some();
        let fault = self.archive_fault(cx).filter(|_| is_query);
        if fault == Some(ArchiveFault::Silence) {
            return;
        }
        let answer = match iq.attribute("type") {
            Some("set") if fault.is_some() => faulty_archive(cx, account, session, &iq, fault),
            Some("get" | "set") => answer_request(cx, account, session, &iq, to_server),
            Some("result" | "error") => return,
            _ => Err("bad-request"),
        };
        let answer = match answer {
            Ok(payload) => result(&iq, payload),
            Err(condition) => error_answer(&iq, condition),
        };
        cx.world.answer(session, answer);
    }
}

fn answer_request(
    cx: &mut Cx<'_>,
    account: &str,
    session: SessionId,
    iq: &Element,
    to_server: bool,
) -> Result<Option<Element>, &'static str> {
    let get = iq.attribute("type") == Some("get");
    let mut payloads = iq.elements();
    let (Some(payload), None, true) = (
        payloads.next(),
        payloads.next(),
        iq.attribute("id").is_some(),
    ) else {
        return Err("bad-request");
    };
    let switches = &cx.world.switches;
    match (&*payload.ns, &*payload.name, get) {
        (ns::PING, "ping", true) => Ok(None),
        (ns::SESSION, "session", false) => Ok(None),
        (ns::DISCO_INFO, "query", true) if to_server => Ok(Some(
            server_info(switches).with_node(payload.attribute("node")),
        )),
        (ns::DISCO_INFO, "query", true) => Ok(Some(account_info(switches))),
        (ns::DISCO_ITEMS, "query", true) => Ok(Some(Element::new(ns::DISCO_ITEMS, "query"))),
        (ns::ROSTER, "query", true) => Ok(cx.world.roster(session, payload.attribute("ver"))),
        (ns::ROSTER, "query", false) => {
            let item = payload.find(ns::ROSTER, "item").ok_or("bad-request")?;
            if cx.world.set_roster_item(account, item) {
                Ok(None)
            } else {
                Err("bad-request")
            }
        }
        (ns::CARBONS, "enable" | "disable", false) if switches.carbons => {
            cx.world.set_carbons(session, payload.name == "enable");
            Ok(None)
        }
        (ns::PUSH, "enable" | "disable", false) if switches.push => {
            let service = payload.attribute("jid").ok_or("bad-request")?.to_owned();
            let is_on = payload.name == "enable";
            let node = payload.attribute("node");
            cx.world.set_push(session, &service, node, is_on);
            Ok(None)
        }
        (ns::MAM, "metadata", true) if switches.archive => {
            Ok(Some(cx.world.archive_metadata(account)))
        }
        (ns::MAM, "query", true) if switches.archive => Ok(Some(archive_form())),
        (ns::MAM, "query", false) if switches.archive => archive(cx, account, session, payload),
        _ => Err("service-unavailable"),
    }
}

fn archive(
    cx: &mut Cx<'_>,
    account: &str,
    session: SessionId,
    query: &Element,
) -> Result<Option<Element>, &'static str> {
    match cx.world.query_archive(account, query) {
        ArchiveAnswer::Page { results, fin } => {
            let from = cx.world.bare_jid(account);
            send_results(cx, session, &from, results);
            Ok(Some(fin))
        }
        ArchiveAnswer::ItemNotFound => Err("item-not-found"),
        ArchiveAnswer::BadRequest => Err("bad-request"),
    }
}

fn send_results(cx: &mut Cx<'_>, session: SessionId, from: &str, results: Vec<Element>) {
    for result in results {
        let message = Element::new(ns::CLIENT, "message")
            .with("from", from)
            .with("to", cx.world.session_jid(session))
            .child(result);
        cx.world.answer(session, message);
    }
}

/// Returns the answer with the fault.
fn faulty_archive(
    cx: &mut Cx<'_>,
    account: &str,
    session: SessionId,
    iq: &Element,
    fault: Option<ArchiveFault>,
) -> Result<Option<Element>, &'static str> {
    let query = iq.find(ns::MAM, "query").ok_or("bad-request")?;
    let set = query.find(ns::RSM, "set");
    let asks_after = set.is_some_and(|set| set.find(ns::RSM, "after").is_some());
    if fault == Some(ArchiveFault::ItemNotFound) && asks_after {
        return Err("item-not-found");
    }
    let ArchiveAnswer::Page {
        mut results,
        mut fin,
    } = cx.world.query_archive(account, query)
    else {
        return Err("item-not-found");
    };
    let mut from = cx.world.bare_jid(account);
    match fault {
        Some(ArchiveFault::WrongQueryId) => {
            for result in &mut results {
                result.set("queryid", "another-query");
            }
        }
        Some(ArchiveFault::ForeignSender) => from = format!("mallory@{}", cx.world.domain()),
        Some(ArchiveFault::NeverComplete) if asks_after => fin.set("complete", "false"),
        _ => {}
    }
    send_results(cx, session, &from, results);
    Ok(Some(fin))
}

fn archive_form() -> Element {
    let field = |var: &str, kind: &str| {
        Element::new(ns::FORMS, "field")
            .with("var", var)
            .with("type", kind)
    };
    let form_type =
        field("FORM_TYPE", "hidden").child(Element::new(ns::FORMS, "value").text(ns::MAM));
    let form = Element::new(ns::FORMS, "x")
        .with("type", "form")
        .child(form_type)
        .child(field("with", "jid-single"))
        .children_from(
            ["start", "end", "before-id", "after-id"].map(|var| field(var, "text-single")),
        );
    Element::new(ns::MAM, "query").child(form)
}

fn result(iq: &Element, payload: Option<Element>) -> Element {
    let mut result = Element::new(ns::CLIENT, "iq").with("type", "result");
    if let Some(id) = iq.attribute("id") {
        result.set("id", id);
    }
    if let Some(from) = iq.attribute("from") {
        result.set("to", from);
        // Without `to` the request was for the account, and RFC 6120 8.1.2.1 allows its bare JID as the sender of the
        // answer.
        let answering = iq.attribute("to").unwrap_or_else(|| jid::bare(from));
        result.set("from", answering);
    }
    result.children_from(payload)
}

impl Element {
    fn with_node(self, node: Option<&str>) -> Self {
        match node {
            Some(node) => self.with("node", node),
            None => self,
        }
    }
}

fn server_features(switches: &Switches) -> Vec<&'static str> {
    // Sorted as XEP-0115 requires.
    let all = [
        (true, ns::DISCO_INFO),
        (true, ns::DISCO_ITEMS),
        (true, ns::ROSTER),
        (switches.offline, "msgoffline"),
        (switches.carbons, ns::CARBONS),
        (switches.csi, ns::CSI),
        (switches.pipelining, ns::PIPELINING),
        (true, ns::PING),
        (switches.sm, ns::SM),
    ];
    debug_assert!(all.is_sorted_by_key(|(_, var)| var));
    let on = all.into_iter().filter(|(on, _)| *on);
    on.map(|(_, var)| var).collect()
}

fn server_info(switches: &Switches) -> Element {
    disco(
        ("server", "im", "Reference server"),
        &server_features(switches),
    )
}

fn account_info(switches: &Switches) -> Element {
    let mut features = vec![ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING];
    if switches.archive {
        features.extend([ns::MAM, ns::MAM_EXTENDED, ns::STANZA_ID]);
    }
    if switches.push {
        features.push(ns::PUSH);
    }
    disco(("account", "registered", ""), &features)
}

fn disco((category, kind, name): (&str, &str, &str), features: &[&str]) -> Element {
    let mut identity = Element::new(ns::DISCO_INFO, "identity")
        .with("category", category)
        .with("type", kind);
    if !name.is_empty() {
        identity.set("name", name);
    }
    Element::new(ns::DISCO_INFO, "query")
        .child(identity)
        .children_from(
            features
                .iter()
                .map(|var| Element::new(ns::DISCO_INFO, "feature").with("var", *var)),
        )
}

/// Returns the hash of XEP-0115 5.1 for [`server_info`].
pub(super) fn caps_ver(switches: &Switches) -> String {
    let mut text = String::with_capacity(256);
    text.push_str("server/im//Reference server<");
    for feature in server_features(switches) {
        text.push_str(feature);
        text.push('<');
    }
    super::login::encode(&Sha1::digest(text.as_bytes()))
}
