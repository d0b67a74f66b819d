//! Rooms of real servers (XEP-0045): joined, missed and joined again.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

mod contact;
mod raw;
mod shared;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contact::{juliet, romeo};
use snapback_client::room::{JoinError, Loss, Membership, RoomEvent, RoomOptions};
use snapback_client::service::bookmarks::Bookmark;
use snapback_client::{BareJid, Client, Element, Outcome};
use snapback_interop::RunningServer;
use snapback_interop::phone::Phone;
use snapback_netsim::CutMode;

const TIMEOUT: Duration = Duration::from_secs(60);

on_server!(
    prosody_13_0,
    Flavour::ProsodyStock,
    [
        i21_a_lost_session_misses_nothing_in_a_room,
        i2_what_is_written_offline_reaches_the_room_once,
        a_nickname_in_use_is_refused,
        bookmarked_rooms_are_joined,
    ]
);

on_server!(
    prosody_0_12,
    Flavour::Prosody012,
    [
        i21_a_lost_session_misses_nothing_in_a_room,
        i2_what_is_written_offline_reaches_the_room_once,
        a_nickname_in_use_is_refused,
        bookmarked_rooms_are_joined,
    ]
);

on_server!(
    ejabberd_24_12,
    Flavour::Ejabberd,
    [
        i21_a_lost_session_misses_nothing_in_a_room,
        i2_what_is_written_offline_reaches_the_room_once,
        a_nickname_in_use_is_refused,
        bookmarked_rooms_are_joined,
    ]
);

on_server!(
    ejabberd_23_01,
    Flavour::Ejabberd2301,
    [
        i21_a_lost_session_misses_nothing_in_a_room,
        i2_what_is_written_offline_reaches_the_room_once,
        a_nickname_in_use_is_refused,
        bookmarked_rooms_are_joined,
    ]
);

/// A room that no earlier run has left behind.
fn new_room(name: &str) -> BareJid {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let number = now.expect("the clock is set").as_nanos();
    let jid = format!("{name}-{number}@conference.snapback.test");
    jid.parse().expect("an address")
}

async fn join(client: &Client, room: &BareJid, nick: &str) -> Result<(), JoinError> {
    let rooms = client.rooms();
    let join = rooms.join(room, RoomOptions::new(nick));
    let joined = tokio::time::timeout(TIMEOUT, join).await;
    joined.expect("the room answers").map(drop)
}

async fn event(
    client: &Client,
    what: &str,
    mut is_it: impl FnMut(&RoomEvent) -> bool,
) -> RoomEvent {
    let wait = async {
        loop {
            let event = client.rooms().next_event().await.expect("the client runs");
            if is_it(&event) {
                return event;
            }
        }
    };
    let found = tokio::time::timeout(TIMEOUT, wait).await;
    found.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

async fn archive(client: &Client, room: &BareJid) {
    let wait = async {
        let rooms = client.rooms();
        while !rooms
            .get(room)
            .info()
            .await
            .is_some_and(|info| info.has_archive)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(TIMEOUT, wait).await;
    found.expect("the room has an archive");
}

async fn say(client: &Client, room: &BareJid, body: &str) {
    let sent = client.rooms().get(room).send_message(body).await;
    sent.expect("the message is queued");
}

async fn receives(phone: &mut Phone, bodies: &[&str]) {
    let has = |log: &snapback_interop::phone::Log, body: &str| {
        log.messages.iter().filter(|one| one.body == body).count()
    };
    let what = format!("{bodies:?}");
    let all = |log: &snapback_interop::phone::Log| bodies.iter().all(|body| has(log, body) > 0);
    phone.until(&what, all).await;
    phone.settle(contact::JULIET).await;
    for body in bodies {
        assert_eq!(has(&phone.log, body), 1, "{body}: {}", phone.log);
    }
}

/// XEP-0402: one client keeps two rooms, another one of the account joins the one that is meant to be.
async fn bookmarked_rooms_are_joined(server: &mut RunningServer) {
    let juliet = juliet(server).await;
    let (wanted, other) = (new_room("wanted"), new_room("other"));
    let mut bookmark = Bookmark::new(wanted.clone());
    bookmark.name = Some("Wanted".to_owned());
    bookmark.auto_join = true;
    bookmark.extensions = vec![Element::new("pinned", "urn:example:pinned")];
    for bookmark in [&bookmark, &Bookmark::new(other.clone())] {
        let set = juliet.client.set_bookmark(bookmark).await;
        set.expect("the bookmark is kept");
    }
    let kept = juliet.client.bookmarks().await.expect("the bookmarks");
    let of = |room: &BareJid| kept.list.iter().find(|kept| kept.room == *room);
    let found = of(&wanted).expect("the first");
    assert_eq!(found.to_element(), bookmark.to_element());
    assert!(of(&other).is_some_and(|found| !found.auto_join));
    let joined = juliet.client.join_bookmarked("juliet").await;
    let joined = joined.expect("the bookmarks");
    assert!(joined.contains(&wanted) && !joined.contains(&other));
    let is_it =
        |event: &RoomEvent| matches!(event, RoomEvent::Joined { room, .. } if *room == wanted);
    event(&juliet.client, "the room", is_it).await;
    for room in [&wanted, &other] {
        let removed = juliet.client.remove_bookmark(room).await;
        removed.expect("the bookmark is removed");
    }
    let left = juliet.client.bookmarks().await.expect("the bookmarks");
    assert!(
        left.list
            .iter()
            .all(|left| left.room != wanted && left.room != other)
    );
}

/// First a connection breaks, then a session ends.
async fn i21_a_lost_session_misses_nothing_in_a_room(server: &mut RunningServer) {
    let room = new_room("coven");
    let mut juliet = juliet(server).await;
    let romeo = romeo(server).await;
    assert_eq!(join(&juliet.client, &room, "juliet").await, Ok(()));
    assert_eq!(join(&romeo.client, &room, "romeo").await, Ok(()));
    archive(&juliet.client, &room).await;
    say(&romeo.client, &room, "before").await;
    receives(&mut juliet, &["before"]).await;

    juliet.link.cut(CutMode::ResetClient);
    say(&romeo.client, &room, "while cut").await;
    assert_eq!(juliet.available().await.outcome, Outcome::Resumed);
    receives(&mut juliet, &["while cut"]).await;
    let rooms = juliet.client.rooms();
    let info = rooms.get(&room).info().await.expect("it is joined");
    assert_eq!(info.membership, Membership::Joined);
    let nicks: Vec<&str> = info.occupants.iter().map(|one| one.nick.as_str()).collect();
    assert_eq!(nicks, ["juliet", "romeo"]);

    juliet.client.disconnect().await;
    let missed: Vec<String> = (0..60).map(|number| format!("missed {number}")).collect();
    for body in &missed {
        say(&romeo.client, &room, body).await;
    }
    let last = missed.last().expect("not empty").clone();
    let mut romeo = romeo;
    romeo
        .until("his own messages", |log| {
            log.messages.iter().any(|one| one.body == last)
        })
        .await;
    juliet.client.connect();
    assert_eq!(juliet.available().await.outcome, Outcome::Bound);
    let is_it = |event: &RoomEvent| matches!(event, RoomEvent::Joined { is_again: true, .. });
    event(&juliet.client, "joined again", is_it).await;
    let is_it = |event: &RoomEvent| matches!(event, RoomEvent::CaughtUp { .. });
    let caught_up = event(&juliet.client, "caught up", is_it).await;
    assert!(
        matches!(
            caught_up,
            RoomEvent::CaughtUp {
                is_complete: true,
                ..
            }
        ),
        "{caught_up:?}"
    );
    let missed: Vec<&str> = missed.iter().map(String::as_str).collect();
    receives(&mut juliet, &missed).await;
    receives(&mut juliet, &["before", "while cut"]).await;
}

/// The queue is sent before the join. What the room refuses is sent again.
async fn i2_what_is_written_offline_reaches_the_room_once(server: &mut RunningServer) {
    let room = new_room("heath");
    let mut juliet = juliet(server).await;
    let mut romeo = romeo(server).await;
    assert_eq!(join(&juliet.client, &room, "juliet").await, Ok(()));
    assert_eq!(join(&romeo.client, &room, "romeo").await, Ok(()));
    archive(&juliet.client, &room).await;
    say(&romeo.client, &room, "before").await;
    receives(&mut juliet, &["before"]).await;
    juliet.client.disconnect().await;
    say(&juliet.client, &room, "written offline").await;
    juliet.client.connect();
    receives(&mut romeo, &["before", "written offline"]).await;
    receives(&mut juliet, &["written offline"]).await;
    assert!(juliet.log.failed.is_empty(), "{}", juliet.log);
}

async fn a_nickname_in_use_is_refused(server: &mut RunningServer) {
    let room = new_room("forres");
    let juliet = juliet(server).await;
    let romeo = romeo(server).await;
    assert_eq!(join(&juliet.client, &room, "juliet").await, Ok(()));
    let refused = join(&romeo.client, &room, "juliet").await;
    assert_eq!(refused, Err(JoinError::NickConflict));
    assert_eq!(join(&romeo.client, &room, "romeo").await, Ok(()));
    let taken = romeo.client.rooms().get(&room).set_nick("juliet").await;
    assert_eq!(taken, Err(JoinError::NickConflict));
    let info = romeo.client.rooms().get(&room).info().await;
    assert_eq!(info.expect("it is joined").nick, "romeo");
    // A kick is final, a loss is not.
    let kick = juliet.client.rooms().get(&room);
    let role = snapback_client::room::Role::None;
    kick.set_role("romeo", role, None)
        .await
        .expect("she owns it");
    let ends = |event: &RoomEvent| {
        matches!(
            event,
            RoomEvent::Left { .. }
                | RoomEvent::Lost {
                    loss: Loss::Removed,
                    ..
                }
        )
    };
    let ended = event(&romeo.client, "the end", ends).await;
    assert!(matches!(ended, RoomEvent::Left { .. }), "{ended:?}");
}
