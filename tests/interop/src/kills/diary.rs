//! A victim's diary: one line for each event, written before the next event may happen.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// Ends each line. A kill may truncate a line, which is then ignored.
const FULL_STOP: &str = " .";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A new process; the following entries are its own.
    Started,
    /// It has a session: `true` if the interrupted one was resumed.
    Online {
        /// Whether it was resumed.
        resumed: bool,
    },
    /// The message with this number is about to be passed to the client.
    Attempting(u64),
    /// The client has accepted it: it must not be lost from now on.
    Queued {
        /// Its number.
        number: u64,
        /// Its stanza id.
        id: String,
    },
    /// The server has acknowledged the message with this stanza id.
    Acked(String),
    /// The client delivered a message; it is not confirmed yet.
    Delivered {
        /// The delivery id.
        delivery: String,
        /// The stanza id, as the sender's diary has it.
        id: String,
        /// The sender's number.
        number: u64,
    },
    /// This delivery was confirmed to the client.
    Confirmed(String),
    /// Information for the analysis of a failure.
    Note(String),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Online { resumed: true } => f.write_str("online resumed"),
            Self::Online { resumed: false } => f.write_str("online bound"),
            Self::Attempting(number) => write!(f, "attempting {number}"),
            Self::Queued { number, id } => write!(f, "queued {number} {id}"),
            Self::Delivered {
                delivery,
                id,
                number,
            } => write!(f, "delivered {delivery} {id} {number}"),
            Self::Acked(id) => write!(f, "acked {id}"),
            Self::Confirmed(delivery) => write!(f, "confirmed {delivery}"),
            Self::Note(text) => write!(f, "note {}", text.replace('\n', " ")),
        }
    }
}

/// A line that is not an entry, or is truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntry;

impl FromStr for Entry {
    type Err = NoEntry;

    fn from_str(line: &str) -> Result<Self, NoEntry> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        if kind == "note" {
            return Ok(Self::Note(rest.to_owned()));
        }
        let words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
        let number = |word: &str| word.parse().map_err(|_| NoEntry);
        match (kind, words.as_slice()) {
            ("started", []) => Ok(Self::Started),
            ("online", ["resumed"]) => Ok(Self::Online { resumed: true }),
            ("online", ["bound"]) => Ok(Self::Online { resumed: false }),
            ("attempting", [n]) => Ok(Self::Attempting(number(n)?)),
            ("queued", [n, id]) => Ok(Self::Queued {
                number: number(n)?,
                id: (*id).to_owned(),
            }),
            ("delivered", [delivery, id, n]) => Ok(Self::Delivered {
                delivery: (*delivery).to_owned(),
                id: (*id).to_owned(),
                number: number(n)?,
            }),
            ("acked", [id]) => Ok(Self::Acked((*id).to_owned())),
            ("confirmed", [delivery]) => Ok(Self::Confirmed((*delivery).to_owned())),
            _ => Err(NoEntry),
        }
    }
}

/// A diary that is written. Each entry is one `write`, so a kill leaves all of it or none, or at worst a truncated
/// line.
#[derive(Debug)]
pub struct Diary(Mutex<File>);

impl Diary {
    /// Continues in this file, on a new line.
    ///
    /// # Errors
    ///
    /// As opening and writing fail.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // The line before may have no end.
        file.write_all(b"\n")?;
        Ok(Self(Mutex::new(file)))
    }

    /// Writes an entry; once this returns, a kill does not remove it.
    ///
    /// # Errors
    ///
    /// As writing fails.
    pub fn write(&self, entry: &Entry) -> io::Result<()> {
        let line = format!("{entry}{FULL_STOP}\n");
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
    }
}

/// A diary that is read while it is written.
#[derive(Debug, Default)]
pub struct Reading {
    file: Option<File>,
    rest: Vec<u8>,
    entries: Vec<Entry>,
}

impl Reading {
    /// Reads what is new in the file, which may not exist yet, and returns all entries so far.
    ///
    /// # Errors
    ///
    /// As reading fails.
    pub fn update(&mut self, path: &Path) -> io::Result<&[Entry]> {
        if self.file.is_none() && path.exists() {
            self.file = Some(File::open(path)?);
        }
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut self.rest)?;
        }
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n');
        let lines: Vec<u8> = self.rest.drain(..whole.map_or(0, |end| end + 1)).collect();
        let text = String::from_utf8_lossy(&lines);
        let entries = text.lines().filter_map(|line| line.strip_suffix(FULL_STOP));
        self.entries
            .extend(entries.filter_map(|line| line.parse().ok()));
        Ok(&self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_were_written() {
        let entries = [
            Entry::Started,
            Entry::Online { resumed: true },
            Entry::Online { resumed: false },
            Entry::Attempting(7),
            Entry::Queued {
                number: 7,
                id: "abc".to_owned(),
            },
            Entry::Delivered {
                delivery: "d".to_owned(),
                id: "abc".to_owned(),
                number: 7,
            },
            Entry::Acked("abc".to_owned()),
            Entry::Confirmed("d".to_owned()),
            Entry::Note("anything at all".to_owned()),
        ];
        for entry in entries {
            assert_eq!(entry.to_string().parse(), Ok(entry));
        }
        for line in ["", "queued 7", "queued x abc", "attempting 7 8", "what"] {
            assert_eq!(line.parse::<Entry>(), Err(NoEntry), "{line}");
        }
    }

    #[test]
    fn a_line_that_was_cut_short_says_nothing() {
        let path = std::env::temp_dir().join(format!("snapback-diary-{}", std::process::id()));
        let mut reading = Reading::default();
        assert_eq!(reading.update(&path).ok(), Some([].as_slice()));
        for (text, expected) in [
            ("attempting 1 .\nattempt", 1),
            ("ing 2 .\nattempting 3", 2),
            ("\nattempting 4 .\n", 3),
        ] {
            let file = OpenOptions::new().append(true).create(true).open(&path);
            assert!(
                file.and_then(|mut file| file.write_all(text.as_bytes()))
                    .is_ok()
            );
            let read = reading.update(&path).map(<[Entry]>::len).ok();
            assert_eq!(read, Some(expected));
        }
        assert!(std::fs::remove_file(&path).is_ok());
    }
}
