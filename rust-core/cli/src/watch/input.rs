//! The messages to send: one JSON object a line on standard input, `{"to": "romeo@example.net", "body": "hi"}`.

use std::fmt;
use std::io::{self, BufRead, Read as _};
use std::thread;

use serde::Deserialize;
use snapback_client::proto::ns;
use snapback_client::{Element, Jid, JidError};
use tokio::sync::mpsc;

/// Servers usually accept stanzas of at most 256 KiB; JSON may need two bytes for a character.
const LONGEST_LINE: usize = 512 * 1024;
/// Lines read ahead of the client. Beyond that the writer waits.
const AHEAD: usize = 64;

/// A line of input, with its number, counted from 1.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) message: Result<Message, BadLine>,
}

/// A message to send.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    to: String,
    body: String,
}

/// What is wrong with a line.
#[derive(Debug)]
pub(super) enum BadLine {
    TooLong,
    NotJson(serde_json::Error),
    Recipient(JidError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    to: String,
    body: String,
}

/// Reads standard input on a thread of its own: a read there cannot be cancelled, and must not delay the end of the
/// program.
pub(super) fn read() -> mpsc::Receiver<Line> {
    let (lines, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || read_all(io::stdin().lock(), |line| lines.blocking_send(line).is_ok()));
    receiver
}

/// Ends with the input, when it cannot be read, or when no lines are taken any more.
fn read_all(mut input: impl BufRead, mut give: impl FnMut(Line) -> bool) {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let limit = LONGEST_LINE as u64 + 1;
        match input.by_ref().take(limit).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let is_too_long = bytes.len() > LONGEST_LINE && bytes.last() != Some(&b'\n');
        if is_too_long && skip_line(&mut input).is_err() {
            return;
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let message = if is_too_long {
            Err(BadLine::TooLong)
        } else {
            parse(text)
        };
        if !give(Line { number, message }) {
            return;
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (length, found) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        if found {
            return Ok(());
        }
    }
}

fn parse(text: &[u8]) -> Result<Message, BadLine> {
    let object: Object = serde_json::from_slice(text).map_err(BadLine::NotJson)?;
    let to = Jid::try_from(object.to.as_str()).map_err(BadLine::Recipient)?;
    Ok(Message {
        to: to.to_string(),
        body: object.body,
    })
}

impl From<Message> for Element {
    fn from(message: Message) -> Self {
        Self::new("message", ns::CLIENT)
            .with_attr("to", message.to)
            .with_attr("type", "chat")
            .with_child(Self::new("body", ns::CLIENT).with_text(message.body))
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the line is longer than {LONGEST_LINE} bytes"),
            Self::NotJson(error) => write!(f, "expected {{\"to\": .., \"body\": ..}}: {error}"),
            Self::Recipient(error) => write!(f, "the recipient is not a JID: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_read_for_itself() {
        let long = format!(
            "{{\"to\":\"a@b\",\"body\":\"{}\"}}",
            "x".repeat(LONGEST_LINE)
        );
        let input = format!(
            "{{\"to\":\"Romeo@Example.net\",\"body\":\"hi\"}}\nnonsense\n\n{long}\n{{\"to\":\"\",\"body\":\"\"}}\n\
             {{\"to\":\"a@b\"}}\n{{\"to\":\"a@b\",\"body\":\"last\"}}"
        );
        let mut lines = Vec::new();
        read_all(input.as_bytes(), |line| {
            lines.push(line);
            true
        });
        let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2, 4, 5, 6, 7]);
        let first = lines[0].message.as_ref().unwrap();
        assert_eq!(
            (first.to.as_str(), first.body.as_str()),
            ("romeo@example.net", "hi")
        );
        assert!(matches!(lines[1].message, Err(BadLine::NotJson(_))));
        assert!(matches!(lines[2].message, Err(BadLine::TooLong)));
        assert!(matches!(lines[3].message, Err(BadLine::Recipient(_))));
        assert!(matches!(lines[4].message, Err(BadLine::NotJson(_))));
        assert_eq!(lines[5].message.as_ref().unwrap().body, "last");
    }

    #[test]
    fn a_line_of_just_the_limit_is_read() {
        let frame = r#"{"to":"a@b","body":""}"#.len();
        let body = "x".repeat(LONGEST_LINE - frame);
        let input = format!("{{\"to\":\"a@b\",\"body\":\"{body}\"}}\n\n");
        let mut good = 0;
        read_all(input.as_bytes(), |line| {
            good += usize::from(line.message.is_ok());
            true
        });
        assert_eq!(good, 1);
    }

    #[test]
    fn reading_stops_when_the_receiver_is_gone() {
        let mut lines = 0;
        read_all(&b"x\ny\nz\n"[..], |_| {
            lines += 1;
            lines < 2
        });
        assert_eq!(lines, 2);
    }
}
