//! What becomes of a message that a room has refused.

use std::time::Duration;

use super::*;
use snapback_proto::ns;
use snapback_proto::stanza::{ErrorType, StanzaCondition};
use snapback_proto::xml::parse_stanza;

const COVEN: &str = "coven@chat.shakespeare.lit";

struct Bench {
    rooms: AccountRooms,
    now: Now,
}

impl Bench {
    /// In the coven, with a message said there that the room has refused.
    fn refused() -> Self {
        let account = "hag66@shakespeare.lit".parse().unwrap();
        let mut bench = Self {
            rooms: AccountRooms::new(account, None, Entropy::new([7; 32])),
            now: Now::default(),
        };
        let (rooms, now) = (&mut bench.rooms, bench.now);
        rooms.online(Outcome::Bound, "hag66@shakespeare.lit/pda", now);
        rooms.join(COVEN.parse().unwrap(), RoomOptions::new("hag"), now);
        bench.enter();
        let message = Element::new("message", ns::CLIENT)
            .with_attr("to", COVEN)
            .with_attr("type", "groupchat")
            .with_attr("id", "m1");
        bench.rooms.handle_sent(&message, now);
        bench.out();
        bench.bounce("d1");
        bench
    }

    fn enter(&mut self) {
        let own = format!(
            "<presence xmlns='jabber:client' from='{COVEN}/hag'><x xmlns='http://jabber.org/protocol/muc#user'>\
             <item affiliation='none' role='participant'/><status code='110'/></x></presence>"
        );
        let own = parse_stanza(&own).unwrap();
        self.rooms.rooms.handle_presence(&own, self.now);
        let subject = format!(
            "<message xmlns='jabber:client' from='{COVEN}' type='groupchat'><subject/></message>"
        );
        let subject = parse_stanza(&subject).unwrap();
        self.rooms.rooms.handle_message(&subject, self.now);
    }

    fn bounce(&mut self, delivery: &str) {
        let error = StanzaError::new(ErrorType::Modify, StanzaCondition::NotAcceptable);
        let (delivery, id) = (delivery.to_owned(), "m1".to_owned());
        self.rooms.handle_bounce(delivery, id, error, self.now);
    }

    /// What is told and confirmed, in order, and the ticket of the message if it is sent again.
    fn out(&mut self) -> (Vec<String>, Option<Ticket>) {
        let (mut told, mut again) = (Vec::new(), None);
        loop {
            match self.rooms.poll_output() {
                AccountRoomsOutput::Confirm(ids) => told.extend(ids),
                AccountRoomsOutput::Event(EngineEvent::Stage { id, .. }) => told.push(id),
                AccountRoomsOutput::Send { ticket, stanza, .. }
                    if stanza.attr("id") == Some("m1") =>
                {
                    again = Some(ticket);
                }
                AccountRoomsOutput::Timer(_) => return (told, again),
                _ => {}
            }
        }
    }
}

#[test]
fn i18_a_refusal_is_confirmed_when_the_message_is_stored_again() {
    let mut bench = Bench::refused();
    assert_eq!(
        bench.out(),
        (Vec::new(), None),
        "a process that ends now leaves it"
    );
    bench.enter();
    let (told, again) = bench.out();
    let again = again.expect("it is sent again");
    assert!(told.is_empty() && again >= FIRST_TICKET);
    assert!(bench.rooms.handle_accepted(again, &Ok(()), bench.now));
    assert_eq!(bench.out().0, ["d1"]);
    // The second refusal is told, and then confirmed.
    bench.bounce("d2");
    assert_eq!(bench.out().0, ["m1", "d2"]);
}

#[test]
fn i18_a_message_that_cannot_be_sent_again_has_failed() {
    let mut bench = Bench::refused();
    bench.enter();
    let again = bench.out().1.expect("it is sent again");
    let full = Err(Refusal::TooBig { size: 2, limit: 1 });
    assert!(bench.rooms.handle_accepted(again, &full, bench.now));
    assert_eq!(bench.out().0, ["m1", "d1"]);
    // The app leaves the room before it is joined again.
    let mut bench = Bench::refused();
    bench.rooms.leave(&COVEN.parse().unwrap(), bench.now);
    bench.now.mono = bench.now.mono + Duration::from_secs(60);
    bench.out();
    bench.rooms.handle_timeout(bench.now);
    let told = bench.out().0;
    assert!(told.is_empty() || told == ["m1", "d1"], "{told:?}");
}
