//! The format of a day: who does what, in order. `tests/scenarios/README.md` describes it.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;
use snapback_interop::real_world::Command;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    #[expect(dead_code, reason = "for people")]
    name: String,
    #[expect(dead_code, reason = "for people")]
    story: String,
    pub steps: Vec<DayStep>,
}

#[derive(Debug)]
pub enum DayStep {
    Person(Person, Verb),
    World(Command),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    Juliet,
    Romeo,
}

/// What a person does, and what a person is shown: that is waited for.
#[derive(Debug, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verb {
    Connect {},
    Disconnect {},
    Suspend {},
    Resume {},
    Online { outcome: SessionKind },
    Subscribe {},
    Approve {},
    Present {},
    Write(Written),
    Read { message: String },
    NeverRead { message: String },
    Acked { message: String },
    Receipt { of: String },
    Display { of: String },
    Displayed { of: String },
    Type { state: String },
    Typing { state: String },
    React { to: String, emojis: Vec<String> },
    Reactions { to: String, emojis: Vec<String> },
    Join { room: String },
    Fill { count: usize },
    Filled { count: usize },
    ScrollBack { count: usize },
    SetAvatar {},
    Avatar {},
    UploadSlot { name: String, size: u64 },
    Block {},
    Unblock {},
    EnablePush {},
    Notified {},
    Drain { outcome: SessionKind },
}

/// A message that one person writes to the other, or to a room.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    #[serde(rename = "as")]
    pub name: String,
    pub text: String,
    pub room: Option<String>,
    #[serde(default)]
    pub receipt: bool,
    #[serde(default)]
    pub markable: bool,
    pub corrects: Option<String>,
    pub replies_to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    Bound,
    Resumed,
}

impl<'de> Deserialize<'de> for DayStep {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut step = serde_json::Map::deserialize(input)?;
        for (key, person) in [("juliet", Person::Juliet), ("romeo", Person::Romeo)] {
            if let Some(verb) = step.remove(key) {
                step.insert("verb".to_owned(), verb);
                let verb = serde_json::from_value(Value::Object(step));
                return verb
                    .map(|verb| Self::Person(person, verb))
                    .map_err(D::Error::custom);
            }
        }
        let command = serde_json::from_value(Value::Object(step));
        command.map(Self::World).map_err(D::Error::custom)
    }
}
