//! Rules of a case as they are written in its file.

use std::time::Duration;

use serde::Deserialize;
use snapback_reference_server::{Pattern, Rule, ScriptStep, When};

/// A rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    /// `opened`, `online`, `reads PATTERN` or `writes PATTERN`.
    when: String,
    #[serde(default)]
    skip: u32,
    times: Option<u32>,
    /// Whether the server also answers as usual.
    #[serde(default)]
    also: bool,
    #[serde(rename = "do")]
    steps: Vec<StepText>,
}

/// A step: XML, the name of a step without arguments, or an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum StepText {
    Plain(String),
    Repeat(RepeatText),
    Object(ObjectText),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RepeatText {
    repeat: String,
    times: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ObjectText {
    PauseMs(u64),
    /// XML in which `[[text*count]]` is that many repetitions of the text.
    Long(String),
    Hex(String),
    Cleartext(String),
    Contact(String),
    Archive(String),
}

impl RuleText {
    pub(crate) fn rule(&self) -> Result<Rule, String> {
        let steps: Result<Vec<_>, String> = self.steps.iter().map(StepText::step).collect();
        let when = match self.when.split_once(' ') {
            None if self.when == "opened" => When::Opened,
            None if self.when == "online" => When::Online,
            Some(("reads", pattern)) => When::Reads(parsed(pattern)?),
            Some(("writes", pattern)) => When::Writes(parsed(pattern)?),
            _ => return Err(format!("{:?} is no point of a connection", self.when)),
        };
        let mut rule = Rule::new(when, steps?);
        rule.skip = self.skip;
        rule.times = self.times.unwrap_or(rule.times);
        rule.is_added = self.also;
        Ok(rule)
    }
}

/// Reads a pattern.
pub(crate) fn parsed(pattern: &str) -> Result<Pattern, String> {
    Pattern::parse(pattern).ok_or_else(|| format!("{pattern:?} is no pattern"))
}

impl StepText {
    fn step(&self) -> Result<ScriptStep, String> {
        Ok(match self {
            Self::Plain(text) => plain(text)?,
            Self::Repeat(RepeatText { repeat, times }) => ScriptStep::Repeat {
                text: long(repeat)?,
                times: *times,
            },
            Self::Object(ObjectText::PauseMs(ms)) => ScriptStep::Pause(Duration::from_millis(*ms)),
            Self::Object(ObjectText::Long(text)) => ScriptStep::Send(long(text)?),
            Self::Object(ObjectText::Hex(text)) => ScriptStep::Bytes(bytes(text)?),
            Self::Object(ObjectText::Cleartext(text)) => ScriptStep::Cleartext(text.clone()),
            Self::Object(ObjectText::Contact(text)) => ScriptStep::Contact(long(text)?),
            Self::Object(ObjectText::Archive(text)) => ScriptStep::Archive(long(text)?),
        })
    }
}

fn plain(text: &str) -> Result<ScriptStep, String> {
    Ok(match text {
        "end_stream" => ScriptStep::EndStream,
        "close" => ScriptStep::Close { notifies: true },
        "truncate" => ScriptStep::Close { notifies: false },
        "reset" => ScriptStep::Reset,
        "silence" => ScriptStep::Silence,
        "stop_reading" => ScriptStep::StopReading,
        "trickle" => ScriptStep::Trickle,
        "forget_sessions" => ScriptStep::ForgetSessions,
        "forget_tokens" => ScriptStep::ForgetTokens,
        xml if xml.starts_with('<') || xml.starts_with(' ') => ScriptStep::Send(xml.to_owned()),
        other => return Err(format!("{other:?} is no step")),
    })
}

/// Replaces each `[[text*count]]` by that many repetitions of the text.
fn long(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[[") {
        let (part, after) = after.split_once("]]").ok_or("a repetition has no end")?;
        let (part, count) = part.rsplit_once('*').ok_or("a repetition has no count")?;
        let count: usize = count
            .parse()
            .map_err(|_| format!("{count:?} is no count"))?;
        out.push_str(before);
        out.push_str(&part.repeat(count));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.ok_or_else(|| format!("{hex:?} is not hexadecimal"))
}
