//! The text of the demo, for a terminal of 80 columns. Colour is used only on a terminal, and never with `NO_COLOR`.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use snapback_netsim::CutMode;

use crate::ledger::Totals;
use crate::record::{Kind, Record};

/// Where the demo writes.
pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    colour: bool,
}

/// How a piece of text looks.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    Bold,
    Dim,
    Good,
    Bad,
}

/// Text in a colour, if the screen has any.
pub(crate) struct Inked<'a> {
    text: &'a str,
    ink: Option<Ink>,
}

impl Screen {
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour: wanted && stdout.is_terminal(),
            out: Box::new(stdout),
        }
    }

    pub(crate) fn silent() -> Self {
        Self {
            out: Box::new(io::sink()),
            colour: false,
        }
    }

    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        self.out.write_fmt(line)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    pub(crate) fn ink<'a>(&self, ink: Ink, text: &'a str) -> Inked<'a> {
        Inked {
            text,
            ink: self.colour.then_some(ink),
        }
    }

    pub(crate) fn opening(&mut self, rtt: Duration, kinds: &[Kind]) -> io::Result<()> {
        let title = format!(
            "Snapback on a link with a round trip of {} ms",
            rtt.as_millis()
        );
        let title = self.ink(Ink::Bold, &title).to_string();
        let who = if kinds.contains(&Kind::Killed) {
            "Server and link run here, the client in a process of its own, with its store on\n\
             disk: real sockets, real TLS, real kills, and a delay that the link adds.\n"
        } else {
            "Server, link and client run in this process: real sockets, real TLS, and a delay\n\
             that the link adds. "
        };
        self.line(format_args!(
            "{title}\n{who}The server speaks SASL2, Bind 2, FAST, Stream Management.\n\
             Every figure is measured while you watch."
        ))
    }

    pub(crate) fn scene(&mut self, kind: Kind) -> io::Result<()> {
        let (title, text) = match kind {
            Kind::Naive => (
                "For comparison: a client that waits after each request",
                "RFC 6120 as written: STARTTLS, SCRAM-SHA-1, bind. Same server, same distance.",
            ),
            Kind::Cold => (
                "Cold: Snapback's first connection, over direct TLS",
                "It knows nothing about the server yet: one round trip goes to the features, and\n\
                 the rest of the plan follows from them.",
            ),
            Kind::Resumed => (
                "Cut: the link breaks in the middle of a conversation",
                "Messages flow both ways all the time. When the client has noticed the break, it\n\
                 is notified that there is a network again, as a phone's system would do; else it\n\
                 would wait up to a second before its first attempt.",
            ),
            Kind::Warm => (
                "Warm: a new session after the stream was closed",
                "The server is known, and there is a token to log in with.",
            ),
            Kind::Early => (
                "Early data: the login leaves together with the first bytes of TLS 1.3",
                "Opt-in (policy.early_data). Another client on the same link, cut as well.",
            ),
            Kind::Killed => (
                "Killed: the client's process dies in the middle of a conversation",
                "SIGKILL, and at once a new process. It finds in the store what the old one had\n\
                 promised and what it had counted, and goes on with its session. Messages flow\n\
                 both ways all the time. Every other time the link is cut as well.",
            ),
        };
        let title = self.ink(Ink::Bold, title).to_string();
        self.line(format_args!("\n{title}\n{text}"))
    }

    pub(crate) fn naive_until_ready(&mut self, flights: usize) -> io::Result<()> {
        self.line(format_args!(
            "  It waits for Stream Management and roster too: ready after {flights} round trips."
        ))
    }

    pub(crate) fn limit_lifted(&mut self) -> io::Result<()> {
        self.line(format_args!(
            "The client's limit of 6 attempts in 30 s is raised for this number of cuts."
        ))
    }

    pub(crate) fn cut(&mut self, record: &Record, mode: CutMode, number: u32) -> io::Result<()> {
        let how = match mode {
            CutMode::ResetClient => "which only the client notices",
            CutMode::ResetBoth => "a reset at both ends",
            CutMode::CloseBoth => "an end of file at both ends",
            CutMode::Blackhole => "which neither end notices",
        };
        self.interrupted(record, &format!("Cut {number}, {how}"))
    }

    pub(crate) fn kill(
        &mut self,
        record: &Record,
        cut: Option<CutMode>,
        number: u32,
    ) -> io::Result<()> {
        let how = match cut {
            None => "the system closes its socket",
            Some(_) => "the server notices nothing",
        };
        self.interrupted(record, &format!("Kill {number}, {how}"))
    }

    fn interrupted(&mut self, record: &Record, what: &str) -> io::Result<()> {
        let Some(cut) = record.cut else { return Ok(()) };
        let title = format!("{what}: {} messages in flight", cut.ours + cut.theirs);
        let title = self.ink(Ink::Bold, &title).to_string();
        self.line(format_args!(
            "\n  {title}\n    \
             {} out, not acknowledged ({} had reached the server); {} on the way in.\n    \
             While it was dark, {} more were written each way. Back after {} ms.",
            cut.ours,
            cut.ours_arrived,
            cut.theirs,
            cut.meanwhile,
            cut.dark.as_millis()
        ))
    }

    pub(crate) fn books(&mut self, totals: Totals) -> io::Result<()> {
        let Totals {
            sent,
            received,
            lost,
            duplicated,
        } = totals;
        let verdict = format!("{lost} lost, {duplicated} duplicated");
        let ink = if lost + duplicated == 0 {
            Ink::Good
        } else {
            Ink::Bad
        };
        let verdict = self.ink(ink, &verdict).to_string();
        self.line(format_args!(
            "  So far: {sent} messages out, {received} in: {verdict}"
        ))
    }
}

impl fmt::Display for Inked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.ink {
            None => return f.write_str(self.text),
            Some(Ink::Bold) => "1",
            Some(Ink::Dim) => "2",
            Some(Ink::Good) => "32",
            Some(Ink::Bad) => "1;31",
        };
        write!(f, "\x1b[{code}m{}\x1b[0m", self.text)
    }
}
