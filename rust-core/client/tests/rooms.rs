//! Rooms (XEP-0045) on a real connection: joined, lost and joined again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use snapback_client::room::{
    Affiliation, Creation, Exit, JoinError, LeaveReason, Loss, Membership, Role, RoomEvent,
    RoomOptions,
};
use snapback_client::{BareJid, Client, Failure, Outcome, Room, StanzaError, Transport};
use snapback_netsim::Link;
use snapback_reference_server::Switches;
use support::course::{Course, follow, hasty, wait_for};
use support::{Setup, TIMEOUT};

fn switches() -> Switches {
    Switches {
        early_data: None,
        rooms: true,
        ..Switches::modern()
    }
}

fn jid(name: &str) -> BareJid {
    format!("{name}@rooms.localhost").parse().unwrap()
}

async fn joined<'a>(client: &'a Client, room: &str, nick: &str) -> Room<'a> {
    let (rooms, address) = (client.rooms(), jid(room));
    let join = rooms.join(&address, RoomOptions::new(nick));
    let joined = tokio::time::timeout(TIMEOUT, join).await.expect(room);
    joined.unwrap_or_else(|error| panic!("{room}: {error}"))
}

/// Waits for an event of a room.
async fn event(
    client: &Client,
    mut is_it: impl FnMut(&RoomEvent) -> bool,
    what: &str,
) -> RoomEvent {
    let wait = async {
        let mut seen = Vec::new();
        loop {
            let event = client.rooms().next_event().await.expect("the client ended");
            if is_it(&event) {
                return event;
            }
            seen.push(event);
            assert!(seen.len() < 1000, "{what}: {seen:?}");
        }
    };
    let found = tokio::time::timeout(TIMEOUT, wait).await;
    found.unwrap_or_else(|_| panic!("{what}: not in time"))
}

async fn rejoined(client: &Client) {
    let is_it = |event: &RoomEvent| matches!(event, RoomEvent::Joined { is_again: true, .. });
    event(client, is_it, "joined again").await;
}

async fn caught_up(client: &Client) -> bool {
    let is_it = |event: &RoomEvent| matches!(event, RoomEvent::CaughtUp { .. });
    match event(client, is_it, "caught up").await {
        RoomEvent::CaughtUp { is_complete, .. } => is_complete,
        _ => false,
    }
}

/// Takes the client's events until a message with each of these texts has arrived, and returns all texts.
async fn bodies(client: &Client, course: &mut Course, expected: &[&str]) -> Vec<String> {
    let mut has_all = |course: &Course| {
        let bodies = course.bodies();
        expected
            .iter()
            .all(|body| bodies.iter().any(|one| one == body))
    };
    follow(client, course, &mut has_all, "the messages").await;
    course.bodies()
}

/// Juliet is in the room `coven`.
async fn in_coven(switches: Switches) -> Setup {
    let setup = Setup::hasty(switches, Transport::DirectTls).await;
    setup.server.world(|world| world.room("coven", |_| {}));
    setup.client.connect();
    joined(&setup.client, "coven", "juliet").await;
    assert!(caught_up(&setup.client).await);
    setup.settle().await;
    setup
}

/// Suspends the client until the server drops its session; meanwhile this happens. Then resumes it.
async fn lose_session(setup: &Setup, meanwhile: impl FnOnce()) {
    setup.lose_session().await;
    meanwhile();
    setup.client.resume();
}

/// How often the server was asked to let Juliet in, by the elements that it read: presence of any kind.
fn presences(setup: &Setup) -> usize {
    let connections = setup.server.connections();
    let reads = connections.iter().flat_map(|connection| &connection.reads);
    reads
        .flat_map(|read| &read.elements)
        .filter(|name| **name == "presence")
        .count()
}

async fn romeo(setup: &Setup) -> (Client, Arc<Link>) {
    setup.another_online("romeo@localhost", "jul13t").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_meet_in_a_room() {
    let setup = in_coven(switches()).await;
    let (romeo, _link) = romeo(&setup).await;
    let room = joined(&romeo, "coven", "romeo").await;
    let entered = |event: &RoomEvent| matches!(event, RoomEvent::Entered { .. });
    event(&setup.client, entered, "Romeo enters").await;
    let info = room.info().await.unwrap();
    let nicks: Vec<_> = info.occupants.iter().map(|one| one.nick.as_str()).collect();
    assert_eq!(nicks, ["juliet", "romeo"]);
    assert!(info.occupants.iter().all(|one| one.id.is_some()));
    assert_eq!(info.membership, Membership::Joined);
    wait_for_archive(&room).await;

    room.send_message("Hail").await.unwrap();
    bodies(&setup.client, &mut Course::default(), &["Hail"]).await;
    bodies(&romeo, &mut Course::default(), &["Hail"]).await;

    room.set_subject("Fire burn").await.unwrap();
    let is_it = |event: &RoomEvent| matches!(event, RoomEvent::SubjectChanged { subject, .. } if subject.text.is_some());
    event(&setup.client, is_it, "a subject").await;

    room.set_nick("montague").await.unwrap();
    let renamed = RoomEvent::Renamed {
        room: jid("coven"),
        from: "romeo".to_owned(),
        to: "montague".to_owned(),
    };
    event(&setup.client, |event| *event == renamed, "another nickname").await;
    assert_eq!(
        room.set_nick("juliet").await,
        Err(JoinError::NickConflict),
        "of another user"
    );

    room.leave().await;
    let is_it = |event: &RoomEvent| {
        matches!(
            event,
            RoomEvent::Exited {
                exit: Exit::Left,
                ..
            }
        )
    };
    event(&setup.client, is_it, "Romeo leaves").await;
    assert_eq!(room.info().await, None);
}

async fn wait_for_archive(room: &Room<'_>) {
    let wait = async {
        while !room.info().await.is_some_and(|info| info.has_archive) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait)
        .await
        .expect("an archive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i15_a_resumed_session_is_still_in_the_room_without_a_word() {
    let setup = in_coven(switches()).await;
    let before = presences(&setup);
    let mut course = Course::default();
    setup.cut();
    setup.server.say("coven", "hecate", "while cut");
    setup
        .follow(&mut course, |course| !course.online.is_empty(), "online")
        .await;
    assert_eq!(course.online, [Outcome::Resumed]);
    setup.server.say("coven", "hecate", "after");
    let bodies = bodies(&setup.client, &mut course, &["while cut", "after"]).await;
    assert_eq!(bodies, ["while cut", "after"]);
    setup.settle().await;
    assert_eq!(presences(&setup), before);
    assert_eq!(
        setup.server.world(|world| world.occupants("coven").len()),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i21_a_lost_session_misses_nothing_in_a_room_with_an_archive() {
    let setup = in_coven(switches()).await;
    let room = setup.client.rooms().get(&jid("coven"));
    wait_for_archive(&room).await;
    let mut course = Course::default();
    setup.server.say("coven", "hecate", "before");
    bodies(&setup.client, &mut course, &["before"]).await;
    lose_session(&setup, || {
        for number in 0..120 {
            setup
                .server
                .say("coven", "hecate", &format!("missed {number}"));
        }
    })
    .await;
    rejoined(&setup.client).await;
    setup.server.say("coven", "hecate", "after");
    assert!(caught_up(&setup.client).await);
    let mut bodies = bodies(&setup.client, &mut course, &["missed 119", "after"]).await;
    let mut expected: Vec<String> = (0..120).map(|number| format!("missed {number}")).collect();
    expected.extend(["before".to_owned(), "after".to_owned()]);
    bodies.sort();
    expected.sort();
    assert_eq!(bodies, expected);
    assert_eq!(course.online, [Outcome::Bound]);
    // They look like live messages, and say that they are from the archive.
    let missed = course.messages.iter().find(|one| one.is_archived).unwrap();
    assert_eq!(
        missed.stanza.attr("from"),
        Some("coven@rooms.localhost/hecate")
    );
    assert!(missed.stanza.has_child("stanza-id", "urn:xmpp:sid:0"));
    assert_eq!(
        course.messages.iter().filter(|one| one.is_archived).count(),
        120
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i21_without_an_archive_the_history_reaches_back_to_a_known_message_or_a_gap_is_reported() {
    for (missed, is_complete) in [(10, true), (30, false)] {
        let setup = in_coven(switches()).await;
        setup.server.world(|world| {
            world.room("heath", |room| room.archive = false);
        });
        joined(&setup.client, "heath", "juliet").await;
        assert!(caught_up(&setup.client).await);
        let mut course = Course::default();
        setup.server.say("heath", "hecate", "before");
        bodies(&setup.client, &mut course, &["before"]).await;
        lose_session(&setup, || {
            for number in 0..missed {
                setup
                    .server
                    .say("heath", "hecate", &format!("missed {number}"));
            }
        })
        .await;
        let is_it = |event: &RoomEvent| matches!(event, RoomEvent::CaughtUp { room, .. } if *room == jid("heath"));
        let of_heath = event(&setup.client, is_it, "caught up").await;
        assert!(
            matches!(of_heath, RoomEvent::CaughtUp { is_complete: so, .. } if so == is_complete),
            "{of_heath:?}"
        );
        let last = format!("missed {}", missed - 1);
        let bodies = bodies(&setup.client, &mut course, &[&last]).await;
        // The room sends its last 20 messages.
        assert_eq!(bodies.len(), 1 + missed.min(20), "{bodies:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_what_is_written_to_a_room_that_has_forgotten_the_user_arrives_once() {
    let setup = in_coven(switches()).await;
    let room = setup.client.rooms().get(&jid("coven"));
    setup.server.world(|world| {
        world.forget_occupants("coven", "juliet");
    });
    let mut course = Course::default();
    let first = room.send_message("one").await.unwrap();
    let second = room.send_message("two").await.unwrap();
    let is_it = |event: &RoomEvent| {
        matches!(
            event,
            RoomEvent::Lost {
                loss: Loss::NotJoined,
                ..
            }
        )
    };
    event(&setup.client, is_it, "the room has forgotten").await;
    rejoined(&setup.client).await;
    bodies(&setup.client, &mut course, &["one", "two"]).await;
    let said = setup.server.world(|world| world.said("coven"));
    let juliet = |body: &str| ("juliet".to_owned(), body.to_owned());
    assert_eq!(said, [juliet("one"), juliet("two")]);
    assert!(course.failed.is_empty(), "{:?}", course.failed);
    assert!(course.has_acked(&[first, second]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_what_is_written_offline_reaches_the_room_once_after_the_join() {
    let setup = in_coven(switches()).await;
    let room = setup.client.rooms().get(&jid("coven"));
    let mut course = Course::default();
    // The queue is sent before the join, and bounces.
    setup.lose_session().await;
    room.send_message("written offline").await.unwrap();
    setup.client.resume();
    bodies(&setup.client, &mut course, &["written offline"]).await;
    let said = setup.server.world(|world| world.said("coven"));
    assert_eq!(said, [("juliet".to_owned(), "written offline".to_owned())]);
    assert!(course.failed.is_empty(), "{:?}", course.failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_message_fails_when_the_room_refuses_the_user() {
    let setup = in_coven(switches()).await;
    let room = setup.client.rooms().get(&jid("coven"));
    setup.server.world(|world| {
        world.forget_occupants("coven", "juliet");
        world.affiliate("coven", "juliet", "outcast");
    });
    let id = room.send_message("one").await.unwrap();
    let left = RoomEvent::Left {
        room: jid("coven"),
        reason: LeaveReason::Refused(JoinError::Banned),
    };
    event(&setup.client, |event| *event == left, "left").await;
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| !course.failed.is_empty(), "failed")
        .await;
    let [(failed, Failure::Refused(StanzaError { condition, .. }))] = course.failed.as_slice()
    else {
        panic!("{:?}", course.failed);
    };
    assert_eq!((failed, condition.name()), (&id, "not-acceptable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_fails_for_the_reason_that_the_room_gives() {
    let setup = in_coven(switches()).await;
    let (romeo, _link) = romeo(&setup).await;
    joined(&romeo, "coven", "romeo").await;
    setup.server.world(|world| {
        world.room("cave", |room| room.password = Some("cauldronburn".into()));
        world.room("camp", |room| room.members_only = true);
        world.affiliate("heath", "juliet", "outcast");
        world.room("forres", |_| {});
        world.destroy_room("forres", None);
        world.room("castle", |room| {
            room.assigned_nick = Some("lady".to_owned())
        });
    });
    let rooms = setup.client.rooms();
    let join = async |room: &str, options| rooms.join(&jid(room), options).await.map(|_| ());
    let juliet = || RoomOptions::new("juliet");
    assert_eq!(join("cave", juliet()).await, Err(JoinError::PasswordNeeded));
    let password = Some("cauldronburn".into());
    let with_password = RoomOptions {
        password,
        ..juliet()
    };
    assert_eq!(join("cave", with_password).await, Ok(()));
    assert_eq!(join("camp", juliet()).await, Err(JoinError::MembersOnly));
    assert_eq!(join("heath", juliet()).await, Err(JoinError::Banned));
    let gone = JoinError::Gone { alternative: None };
    assert_eq!(join("forres", juliet()).await, Err(gone));
    let conflict = Err(JoinError::NickConflict);
    rooms.get(&jid("coven")).leave().await;
    assert_eq!(join("coven", RoomOptions::new("romeo")).await, conflict);
    let never = RoomOptions {
        creation: Creation::Never,
        ..juliet()
    };
    assert_eq!(join("nowhere", never).await, Err(JoinError::NotFound));
    assert_eq!(join("castle", juliet()).await, Ok(()));
    let castle = rooms.get(&jid("castle")).info().await.unwrap();
    assert_eq!(castle.nick, "lady");
    let names: Vec<BareJid> = rooms.list().await.into_iter().map(|one| one.room).collect();
    assert_eq!(names, [jid("castle"), jid("cave")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_creates_a_room_and_rules_it() {
    let setup = in_coven(switches()).await;
    let (romeo, _link) = romeo(&setup).await;
    let room = joined(&setup.client, "verona", "juliet").await;
    // It is opened at once.
    let is_it = |event: &RoomEvent| matches!(event, RoomEvent::Reconfigured { .. });
    event(&setup.client, is_it, "open").await;
    let his = joined(&romeo, "verona", "romeo").await;
    let form = room.configuration().await.unwrap();
    let has = |var: &str| form.fields.iter().any(|field| field.var == var);
    assert!(has("muc#roomconfig_membersonly"));
    assert!(his.configuration().await.is_err());
    let owners = room.affiliated(Affiliation::Owner).await.unwrap();
    assert_eq!(owners[0].jid.to_string(), "juliet@localhost");

    room.set_role("romeo", Role::Visitor, None).await.unwrap();
    let is_it = |event: &RoomEvent| matches!(event, RoomEvent::OccupantChanged { occupant, .. } if occupant.role == Role::Visitor);
    event(&romeo, is_it, "a visitor").await;
    room.set_role("romeo", Role::None, None).await.unwrap();
    let is_it = |event: &RoomEvent| {
        matches!(
            event,
            RoomEvent::Left {
                reason: LeaveReason::Kicked { .. },
                ..
            }
        )
    };
    event(&romeo, is_it, "kicked").await;
    assert_eq!(his.info().await, None);

    joined(&romeo, "verona", "romeo").await;
    room.destroy(Some(&jid("mantua")), None).await.unwrap();
    let destroyed = RoomEvent::Left {
        room: jid("verona"),
        reason: LeaveReason::Destroyed {
            alternative: Some(jid("mantua")),
            reason: None,
        },
    };
    event(&romeo, |event| *event == destroyed, "destroyed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_comes_directly_or_through_the_room() {
    let setup = in_coven(switches()).await;
    let (romeo, _link) = romeo(&setup).await;
    let room = setup.client.rooms().get(&jid("coven"));
    // From then on he is available.
    joined(&romeo, "heath", "romeo").await;
    let contact = "romeo@localhost".parse().unwrap();
    room.invite(&contact, Some("come"), None).await.unwrap();
    room.invite_through_room(&contact, Some("come"))
        .await
        .unwrap();
    for is_direct in [true, false] {
        let is_it = |event: &RoomEvent| matches!(event, RoomEvent::Invited(_));
        let RoomEvent::Invited(invitation) = event(&romeo, is_it, "invited").await else {
            panic!("no invitation");
        };
        assert_eq!(invitation.is_direct, is_direct);
        assert_eq!(invitation.room, jid("coven"));
        let by = invitation.by.unwrap();
        assert_eq!(by.bare().to_string(), "juliet@localhost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_restarts_is_joined_again_and_a_slow_app_delays_nothing() {
    let setup = in_coven(switches()).await;
    setup
        .server
        .world(|world| world.remove_occupant("coven", "juliet", &[332]));
    let is_it = |event: &RoomEvent| {
        matches!(
            event,
            RoomEvent::Lost {
                loss: Loss::Shutdown,
                ..
            }
        )
    };
    event(&setup.client, is_it, "the service shuts down").await;
    let room = setup.client.rooms().get(&jid("coven"));
    assert_eq!(room.info().await.unwrap().membership, Membership::Waiting);
    // The app takes no event from here on; a new session does not wait.
    lose_session(&setup, || ()).await;
    let is_in = || setup.server.world(|world| world.occupants("coven").len()) == 1;
    wait_for(is_in, "joined again").await;
}

/// Waits for all of them at the same time.
async fn all(mut futures: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
    std::future::poll_fn(|cx| {
        futures.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        match futures.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i15_two_hundred_rooms_are_joined_again_in_three_round_trips() {
    const ROOMS: usize = 200;
    let rtt = Duration::from_millis(400);
    let switches = Switches {
        sm_queue_limit: 10_000,
        ..switches()
    };
    let setup = Setup::with(switches, Transport::DirectTls, rtt, |config| {
        hasty(config);
        // Longer than a login over this link takes.
        config.timeouts.login = Duration::from_secs(20);
        config.timeouts.ack = Duration::from_secs(20);
    })
    .await;
    let setup = &setup;
    setup.client.connect();
    let names: Vec<String> = (0..ROOMS).map(|number| format!("r{number:03}")).collect();
    let rooms = setup.client.rooms();
    let mut joins: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for name in &names {
        joins.push(Box::pin(async move {
            joined(&setup.client, name, "juliet").await;
        }));
    }
    all(joins).await;
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| !course.online.is_empty(), "online")
        .await;
    setup.settle().await;
    lose_session(setup, || ()).await;
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| !course.online.is_empty(), "online")
        .await;
    let online = Instant::now();
    assert_eq!(course.online, [Outcome::Bound]);
    for _ in 0..ROOMS {
        rejoined(&setup.client).await;
    }
    let took = online.elapsed();
    assert!(took < 3 * rtt, "{took:?}");
    let info = rooms.list().await;
    assert!(info.iter().all(|one| one.membership == Membership::Joined));
    // Whatever the rooms said, each knows the user once.
    for name in &names {
        assert_eq!(setup.server.world(|world| world.occupants(name).len()), 1);
    }
}
