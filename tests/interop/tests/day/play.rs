//! Plays a day, step by step.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use snapback_chat::room::RoomOptions;
use snapback_chat::service::upload::Upload;
use snapback_chat::{
    ChatState, Draft, MessageKey, MessageKind, Reactions, Reply, RoomFeatures, Texts,
};
use snapback_client::{
    BareJid, DrainOptions, DrainOutcome, HistoryRequest, Jid, Outcome, OutgoingAvatar, PushService,
};
use snapback_interop::Account;
use snapback_interop::real_world::RealWorld;

use crate::actor::{Actor, Log, Received, TIMEOUT};
use crate::plan::{Day, DayStep, Person, SessionKind, Verb, Written};

type Failure = Box<dyn std::error::Error>;
type Played = Result<(), Failure>;

/// As long as a push gives an app.
const SYNC_TIMEOUT: Duration = Duration::from_secs(25);
const ROOMS: &str = "conference";
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A message of the day, as its sender knows it.
struct Sent {
    id: String,
    by: Person,
    written: Written,
    /// What the reader knows it by.
    key: Option<MessageKey>,
    /// Whether the reader must never see it.
    is_blocked: bool,
}

struct Stage<'a> {
    world: &'a RealWorld,
    juliet: Actor,
    romeo: Actor,
    sent: BTreeMap<String, Sent>,
    avatar: Vec<u8>,
}

/// Plays all steps; then each message must have arrived once, except those that are never read.
pub async fn play(day: &Day, world: &RealWorld) -> Played {
    let server = world.server();
    let open =
        |name, account, addr| Actor::open(name, server.account(account), addr, server.ca_pem());
    let mut stage = Stage {
        world,
        juliet: open("juliet", Account::Juliet, world.link_addr())?,
        romeo: open("romeo", Account::Romeo, server.direct_addr())?,
        sent: BTreeMap::new(),
        avatar: (0..9000_u32).map(|n| n.to_le_bytes()[0]).collect(),
    };
    for (number, step) in day.steps.iter().enumerate() {
        let done = match step {
            DayStep::World(command) => {
                world.obey(*command).await;
                Ok(())
            }
            DayStep::Person(person, verb) => stage.act(*person, verb).await,
        };
        done.map_err(|why| format!("step {}, {step:?}: {why}", number + 1))?;
    }
    stage.all_arrived_once()
}

impl Stage<'_> {
    fn actor(&self, person: Person) -> (&Actor, &Actor) {
        match person {
            Person::Juliet => (&self.juliet, &self.romeo),
            Person::Romeo => (&self.romeo, &self.juliet),
        }
    }

    async fn act(&mut self, person: Person, verb: &Verb) -> Played {
        let (actor, other) = self.actor(person);
        let client = &actor.client;
        match verb {
            Verb::Connect {} => client.connect(),
            Verb::Disconnect {} => client.disconnect().await,
            Verb::Suspend {} => client.suspend().await,
            Verb::Resume {} => client.resume(),
            Verb::Online { outcome } => {
                let found = actor.next_session().await;
                let expected = match outcome {
                    SessionKind::Bound => Outcome::Bound,
                    SessionKind::Resumed => Outcome::Resumed,
                };
                same(&found, &Some(expected))?;
            }
            Verb::Subscribe {} => drop(client.subscribe(&other.jid, None).await?),
            Verb::Approve {} => {
                let asks = other.jid.to_string();
                found(actor.awaits(|log| log.asking.contains(&asks)).await)?;
                client.approve_subscription(&other.jid).await?;
            }
            Verb::Present {} => {
                let who = other.jid.to_string();
                found(actor.awaits(|log| log.present.contains(&who)).await)?;
            }
            Verb::Write(written) => self.write(person, written).await?,
            Verb::Read { message } => self.read(person, message).await?,
            Verb::NeverRead { message } => {
                let text = &self.sent(message)?.written.text;
                same(&actor.log().with_text(text).count(), &0)?;
                if let Some(sent) = self.sent.get_mut(message) {
                    sent.is_blocked = true;
                }
            }
            Verb::Acked { message } => {
                let id = &self.sent(message)?.id;
                found(actor.awaits(|log| log.acked.contains(id)).await)?;
            }
            Verb::Receipt { of } => {
                self.told(person, of, |one, id| {
                    one.read.receipt_of.as_deref() == Some(id)
                })
                .await?;
            }
            Verb::Display { of } => {
                let displayed = Some(self.sent(of)?.id.clone());
                self.send(person, None, |draft| draft.displayed = displayed)
                    .await?;
            }
            Verb::Displayed { of } => {
                self.told(person, of, |one, id| {
                    one.read.displayed.as_deref() == Some(id)
                })
                .await?;
            }
            Verb::Type { state } => {
                let state = chat_state(state)?;
                self.send(person, None, |draft| draft.chat_state = Some(state))
                    .await?;
            }
            Verb::Typing { state } => {
                let state = chat_state(state)?;
                let is_it = |one: &Received| one.read.chat_state == Some(state);
                found(actor.awaits(|log| log.messages.iter().any(is_it)).await)?;
            }
            Verb::React { to, emojis } => {
                let id = self.sent(to)?.id.clone();
                let emojis = emojis.clone();
                let reactions = Some(Reactions { id, emojis });
                self.send(person, None, |draft| draft.reactions = reactions)
                    .await?;
            }
            Verb::Reactions { to, emojis } => {
                let is_it = |one: &Received, id: &str| {
                    let reactions = one.read.reactions.as_ref();
                    reactions.is_some_and(|found| found.id == id && found.emojis == *emojis)
                };
                self.told(person, to, is_it).await?;
            }
            _ => return self.use_services(person, verb).await,
        }
        Ok(())
    }

    async fn use_services(&mut self, person: Person, verb: &Verb) -> Played {
        let (actor, other) = self.actor(person);
        let client = &actor.client;
        match verb {
            Verb::Join { room } => {
                let room = self.room(room)?;
                let options = RoomOptions::new(actor.name);
                let joined = client.rooms().join(&room, options).await?;
                // What is missed during a long absence comes from the room's archive.
                let archive = async {
                    while !joined.info().await.is_some_and(|info| info.has_archive) {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                };
                tokio::time::timeout(TIMEOUT, archive).await?;
            }
            Verb::Fill { count } => {
                for number in 1..=*count {
                    client
                        .send_message(&other.jid.to_string(), &filling(number))
                        .await?;
                }
            }
            Verb::Filled { count } => {
                let texts: Vec<String> = (1..=*count).map(filling).collect();
                let has_one = |log: &Log, text: &str| log.with_text(text).count() == 1;
                let all = |log: &Log| texts.iter().all(|text| has_one(log, text));
                found(actor.awaits(all).await)?;
            }
            Verb::ScrollBack { count } => self.scroll_back(person, *count).await?,
            Verb::SetAvatar {} => {
                let avatar = OutgoingAvatar {
                    data: self.avatar.clone(),
                    media_type: "image/png".to_owned(),
                    width: Some(64),
                    height: Some(64),
                };
                client.publish_avatar(&avatar, None).await?;
            }
            Verb::Avatar {} => {
                let metadata = client.avatar_metadata(&other.jid).await?;
                let format = found(metadata.formats.first())?;
                let data = client.avatar_data(&other.jid, format.id).await?;
                same(&(data == self.avatar), &true)?;
            }
            Verb::UploadSlot { name, size } => {
                let service = found(client.upload_service().await?)?;
                let file = Upload {
                    name: name.clone(),
                    size: *size,
                    media_type: Some("image/jpeg".to_owned()),
                    purpose: snapback_chat::service::upload::Purpose::default(),
                };
                let slot = client.upload_slot(&service, &file).await?;
                same(&slot.put.ends_with(name.as_str()), &true)?;
            }
            Verb::Block {} => client.block(&[other.jid.clone().into()]).await?,
            Verb::Unblock {} => client.unblock(&[other.jid.clone().into()]).await?,
            Verb::EnablePush {} => {
                // The other's app is the push service of the day.
                let service: Jid = other.log().full_jid.parse()?;
                let service = PushService::new(service).with_node("day");
                client.enable_push(service).await?;
                found(actor.awaits(|log| log.push_enabled).await)?;
            }
            Verb::Notified {} => {
                let take = |log: &mut Log| {
                    log.notifications = log.notifications.checked_sub(1)?;
                    Some(())
                };
                found(actor.until(take).await)?;
            }
            Verb::Drain { outcome } => {
                let sync = client.background_sync_with(DrainOptions { may_bind: true });
                let report = sync.drain(SYNC_TIMEOUT).await?;
                sync.end().await;
                let expected = match outcome {
                    SessionKind::Bound => Outcome::Unannounced,
                    SessionKind::Resumed => Outcome::Resumed,
                };
                let all = (report.outcome, report.session, report.has_gap);
                same(&all, &(DrainOutcome::Complete, Some(expected), false))?;
                // The session of the sync is none that a step asks about.
                let session = actor.next_session().await;
                same(&session, &Some(expected))?;
            }
            _ => return Err("a verb without an action".into()),
        }
        Ok(())
    }

    async fn write(&mut self, person: Person, written: &Written) -> Played {
        let (corrects, reply) = (&written.corrects, &written.replies_to);
        let corrects = corrects.as_ref().map(|name| self.sent(name)).transpose()?;
        let corrects = corrects.map(|sent| sent.id.clone());
        let reply = reply.as_ref().map(|name| self.sent(name)).transpose()?;
        let reply = reply.map(|sent| Reply {
            id: sent.id.clone(),
            to: Some(Jid::from(self.actor(sent.by).0.jid.clone())),
        });
        let change = |draft: &mut Draft| {
            draft.body = Texts::plain(&written.text);
            draft.request_receipt = written.receipt;
            draft.markable = written.markable;
            draft.corrects = corrects;
            draft.reply = reply;
        };
        let id = self.send(person, written.room.as_deref(), change).await?;
        let sent = Sent {
            id,
            by: person,
            written: written.clone(),
            key: None,
            is_blocked: false,
        };
        self.sent.insert(written.name.clone(), sent);
        Ok(())
    }

    /// Sends a message to the other person or to a room; returns its id.
    async fn send(
        &self,
        person: Person,
        room: Option<&str>,
        change: impl FnOnce(&mut Draft),
    ) -> Result<String, Failure> {
        let (actor, other) = self.actor(person);
        let Some(room) = room else {
            let mut draft = Draft::to(Jid::from(other.jid.clone()));
            change(&mut draft);
            return Ok(actor.client.send(draft.into_element()?).await?);
        };
        let room = self.room(room)?;
        let mut draft = Draft::to(Jid::from(room.clone()));
        draft.kind = MessageKind::Groupchat;
        change(&mut draft);
        let rooms = actor.client.rooms();
        Ok(rooms.get(&room).send(draft.into_element()?).await?)
    }

    /// Waits until the person's app has the message, and checks what it says of others.
    async fn read(&mut self, person: Person, name: &str) -> Played {
        let written = self.sent(name)?.written.clone();
        let (actor, _) = self.actor(person);
        let read = |log: &mut Log| {
            let one = log.with_text(&written.text).next()?;
            Some((one.key.clone(), one.read.references().collect::<Vec<_>>()))
        };
        let (key, references) = found(actor.until(read).await)?;
        for about in written.corrects.iter().chain(&written.replies_to) {
            let other = self.sent(about)?;
            if other.by == person {
                let ids: Vec<&str> = references.iter().map(|one| one.id.as_str()).collect();
                same(&ids.contains(&other.id.as_str()), &true)?;
                continue;
            }
            let (key, other) = (found(key.as_ref())?, found(other.key.as_ref())?);
            let features = RoomFeatures::default();
            let holds = |one| key.refers_to(one, other, features).is_ok();
            same(&references.iter().any(holds), &true)?;
        }
        if let Some(sent) = self.sent.get_mut(name) {
            sent.key = key;
        }
        Ok(())
    }

    /// Waits for something that is said about a message of the day.
    async fn told(
        &self,
        person: Person,
        about: &str,
        is_it: impl Fn(&Received, &str) -> bool,
    ) -> Played {
        let id = &self.sent(about)?.id;
        let (actor, _) = self.actor(person);
        let is_said = |log: &Log| log.messages.iter().any(|one| is_it(one, id));
        found(actor.awaits(is_said).await)
    }

    /// Reads the conversation from its newest message backwards, until as many of the filling are read.
    async fn scroll_back(&self, person: Person, count: usize) -> Played {
        let (actor, other) = self.actor(person);
        let mut read = Vec::new();
        let mut before = None;
        while read.len() < count {
            let mut request = HistoryRequest::account().with(Jid::from(other.jid.clone()));
            request = request.limit(100);
            if let Some(before) = before {
                request = request.before(before);
            }
            let page = actor.client.history(request).await?;
            for message in &page.messages {
                let text = snapback_chat::ChatMessage::read(&message.stanza);
                let text = text.bodies.default_text().unwrap_or_default().to_owned();
                if text.starts_with(FILLING) {
                    read.push(text);
                }
            }
            before = Some(found(page.next)?);
        }
        let expected: Vec<String> = (1..=count).rev().map(filling).collect();
        same(&read, &expected)
    }

    fn all_arrived_once(&self) -> Played {
        for sent in self.sent.values() {
            let (writer, other) = self.actor(sent.by);
            let expected = match (&sent.written.room, sent.is_blocked) {
                (Some(_), _) => (1, 1),
                (None, true) => (0, 0),
                (None, false) => (0, 1),
            };
            let text = &sent.written.text;
            let count = |actor: &Actor| actor.log().with_text(text).count();
            let arrived = (count(writer), count(other));
            same(&arrived, &expected).map_err(|why| format!("{text:?}: {why}"))?;
        }
        Ok(())
    }

    fn sent(&self, name: &str) -> Result<&Sent, Failure> {
        let sent = self.sent.get(name);
        sent.ok_or_else(|| format!("no message is named {name:?}").into())
    }

    fn room(&self, name: &str) -> Result<BareJid, Failure> {
        Ok(format!("{name}@{ROOMS}.{}", self.world.server().domain()).parse()?)
    }
}

const FILLING: &str = "line ";

fn filling(number: usize) -> String {
    format!("{FILLING}{number}")
}

fn chat_state(name: &str) -> Result<ChatState, Failure> {
    match name {
        "active" => Ok(ChatState::Active),
        "composing" => Ok(ChatState::Composing),
        "paused" => Ok(ChatState::Paused),
        "inactive" => Ok(ChatState::Inactive),
        "gone" => Ok(ChatState::Gone),
        _ => Err(format!("no chat state is named {name:?}").into()),
    }
}

fn found<T>(what: Option<T>) -> Result<T, Failure> {
    what.ok_or_else(|| "not found, or not in time".into())
}

fn same<T: PartialEq + Debug>(found: &T, expected: &T) -> Played {
    if found == expected {
        return Ok(());
    }
    Err(format!("expected {expected:?}, found {found:?}").into())
}
