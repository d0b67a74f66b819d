//! The change of its store at which a victim is killed.

use std::fmt;
use std::str::FromStr;

/// The environment variable with a victim's fate.
pub const FATE: &str = "SNAPBACK_VICTIM_FATE";

/// Before or after the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The change was requested, and is not in the file.
    Before,
    /// The change is in the file, and nothing that depends on it has happened.
    After,
}

/// One change of the process that begins now, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Before or after it.
    pub when: When,
    /// Its number.
    pub change: u64,
}

/// A text that is not a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFate;

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.when {
            When::Before => "before",
            When::After => "after",
        };
        write!(f, "{when} {}", self.change)
    }
}

impl FromStr for Fate {
    type Err = NoFate;

    fn from_str(text: &str) -> Result<Self, NoFate> {
        let (when, change) = text.split_once(' ').ok_or(NoFate)?;
        let when = match when {
            "before" => When::Before,
            "after" => When::After,
            _ => return Err(NoFate),
        };
        let change = change.parse().map_err(|_| NoFate)?;
        Ok(Self { when, change })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fate_is_read_as_it_was_written() {
        for when in [When::Before, When::After] {
            let fate = Fate { when, change: 17 };
            assert_eq!(fate.to_string().parse(), Ok(fate));
        }
        assert_eq!("sometime 3".parse::<Fate>(), Err(NoFate));
    }
}
