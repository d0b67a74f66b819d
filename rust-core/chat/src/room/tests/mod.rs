mod catch_up;
mod faults;
mod joining;
mod occupants;
mod random;
mod reconnects;

use std::time::Duration;

use snapback_types::jid::BareJid;
use snapback_types::time::{Instant, Now, UnixTime};
use snapback_wire::stanza::StanzaError;
use snapback_wire::xml::{Element, parse_stanza};

use super::*;

const COVEN: &str = "coven@chat.shakespeare.lit";

/// The rooms of an account, and what they want.
struct Bench {
    rooms: Rooms,
    now: Now,
}

/// What has come out since the last look.
#[derive(Debug, Default)]
struct Out {
    sent: Vec<Element>,
    requests: Vec<(RequestId, Element)>,
    events: Vec<RoomEvent>,
    opened: Vec<BareJid>,
    released: usize,
    failed: Vec<String>,
    abandoned: usize,
    timer: Option<Instant>,
}

impl Bench {
    fn new() -> Self {
        Self {
            rooms: Rooms::new("hag66@shakespeare.lit".parse().unwrap(), None),
            now: Now {
                mono: Instant::ZERO,
                wall: UnixTime(1_700_000_000),
            },
        }
    }

    /// An account online, in the coven as `thirdwitch`, with nothing left to fetch.
    fn in_coven() -> Self {
        let mut bench = Self::new();
        bench.online(SessionStart::New);
        bench.join(COVEN, "thirdwitch");
        bench.out();
        bench.enter("thirdwitch", "");
        bench.subject();
        bench.out();
        bench
    }

    fn online(&mut self, start: SessionStart) {
        let own = "hag66@shakespeare.lit/pda".parse().unwrap();
        self.rooms.handle_online(start, own, self.now);
    }

    fn offline(&mut self) {
        self.rooms.handle_offline(self.now);
    }

    fn join(&mut self, room: &str, nick: &str) {
        self.rooms.join(jid(room), RoomOptions::new(nick), self.now);
    }

    /// Lets this many seconds pass, and reports the timers on the way.
    fn pass(&mut self, seconds: u64) -> Out {
        let end = self.now.mono + Duration::from_secs(seconds);
        let mut all = self.out();
        while let Some(timer) = all.timer.filter(|timer| *timer <= end) {
            self.until(timer);
            self.rooms.handle_timeout(self.now);
            all.add(self.out());
        }
        self.until(end);
        all
    }

    fn until(&mut self, time: Instant) {
        let passed = time.since(self.now.mono).as_secs();
        self.now.mono = time.max(self.now.mono);
        self.now.wall = self.now.wall.plus_seconds(i64::try_from(passed).unwrap());
    }

    fn out(&mut self) -> Out {
        let mut out = Out::default();
        loop {
            match self.rooms.poll_output() {
                RoomsOutput::Send { stanza, .. } => out.sent.push(stanza),
                RoomsOutput::Request { id, stanza } => out.requests.push((id, stanza)),
                RoomsOutput::Abandon(_) => out.abandoned += 1,
                RoomsOutput::Failed { id, .. } => out.failed.push(id),
                RoomsOutput::Release(_) => out.released += 1,
                RoomsOutput::Opened(room) => out.opened.push(room),
                RoomsOutput::Event(event) => out.events.push(event),
                RoomsOutput::Timer(timer) => {
                    out.timer = timer;
                    return out;
                }
            }
        }
    }

    fn presence(&mut self, xml: &str) {
        self.rooms.handle_presence(&stanza(xml), self.now);
    }

    fn message(&mut self, xml: &str) -> MessageVerdict {
        self.rooms.handle_message(&stanza(xml), self.now)
    }

    /// The coven sends the presence of the user, as an occupant with this nickname.
    fn enter(&mut self, nick: &str, more: &str) {
        self.presence(&occupant(nick, &format!("<status code='110'/>{more}")));
    }

    /// The coven sends its subject, which ends its history.
    fn subject(&mut self) {
        let subject = format!(
            "<message from='{COVEN}/crone1' type='groupchat'><subject>Fire Burn</subject></message>"
        );
        assert_eq!(self.message(&subject), MessageVerdict::Deliver);
    }

    fn answer(&mut self, id: RequestId, xml: &str) {
        let answer = stanza(xml);
        let outcome = match StanzaError::of(&answer) {
            Some(error) => Err(RequestFailure::Refused(error)),
            None => Ok(&answer),
        };
        self.rooms.handle_answer(id, outcome, self.now);
    }

    fn membership(&self) -> Option<Membership> {
        Some(self.rooms.info(&jid(COVEN))?.membership)
    }
}

impl Out {
    fn add(&mut self, later: Self) {
        self.sent.extend(later.sent);
        self.requests.extend(later.requests);
        self.events.extend(later.events);
        self.opened.extend(later.opened);
        self.failed.extend(later.failed);
        self.abandoned += later.abandoned;
        self.timer = later.timer;
    }

    /// The request with this payload.
    fn request(&self, payload: &str) -> RequestId {
        self.request_xml(payload).0
    }

    fn request_xml(&self, payload: &str) -> (RequestId, String) {
        let has = |iq: &Element| iq.children().any(|child| child.name() == payload);
        let found = self.requests.iter().find(|(_, iq)| has(iq));
        let (id, iq) = found.unwrap_or_else(|| panic!("no {payload} in {self:?}"));
        (*id, iq.to_xml())
    }

    fn pings(&self) -> usize {
        let is_ping = |iq: &&(RequestId, Element)| iq.1.has_child("ping", "urn:xmpp:ping");
        self.requests.iter().filter(is_ping).count()
    }
}

fn jid(text: &str) -> BareJid {
    text.parse().unwrap()
}

fn stanza(xml: &str) -> Element {
    parse_stanza(xml).unwrap_or_else(|| panic!("no stanza: {xml}"))
}

/// A presence of an occupant of the coven.
fn occupant(nick: &str, x: &str) -> String {
    presence(
        nick,
        "",
        &format!("<item affiliation='member' role='participant'/>{x}"),
    )
}

fn gone(nick: &str, x: &str) -> String {
    presence(nick, "type='unavailable'", x)
}

fn presence(nick: &str, attributes: &str, x: &str) -> String {
    format!(
        "<presence from='{COVEN}/{nick}' to='hag66@shakespeare.lit/pda' {attributes}>\
         <x xmlns='http://jabber.org/protocol/muc#user'>{x}</x></presence>"
    )
}

fn error(condition: &str, kind: &str) -> String {
    format!(
        "<error type='{kind}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    )
}

fn presence_error(nick: &str, condition: &str, kind: &str) -> String {
    format!(
        "<presence from='{COVEN}/{nick}' type='error'>{}</presence>",
        error(condition, kind)
    )
}

/// The answer to a request for what the coven announces.
fn features(features: &[&str]) -> String {
    let features: String = features
        .iter()
        .map(|feature| format!("<feature var='{feature}'/>"))
        .collect();
    format!(
        "<iq type='result' from='{COVEN}' id='f'>\
         <query xmlns='http://jabber.org/protocol/disco#info'>{features}</query></iq>"
    )
}

fn said(nick: &str, id: &str, body: &str, more: &str) -> String {
    format!(
        "<message from='{COVEN}/{nick}' type='groupchat' id='{id}'><body>{body}</body>{more}</message>"
    )
}
