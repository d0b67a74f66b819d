//! `snapback trace`: the lines of `snapback watch` as a drawing, as a page, or as a trace for Perfetto.
//!
//! The file may come from another person: it is bounded, and every text in it is cut, cleaned and escaped. Texts of
//! messages and contacts are not read.

mod draw;
mod input;
mod model;
mod perfetto;
mod text;

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use model::Trace;

/// The maximum size of the file. `watch` writes about two kilobytes for each connection.
const MAX_INPUT: u64 = 64 * 1024 * 1024;

/// Draw what `snapback watch` has printed: each connection with its flights
///
/// FILE holds the JSON lines of `snapback watch`; `-` is the standard input. Without an option the connections are printed
/// as text. Messages and contacts in FILE are left out.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lines, at most 64 MiB
    file: PathBuf,

    /// Write a drawing of the connections to this file [default: none]
    #[arg(long, value_name = "OUT")]
    svg: Option<PathBuf>,

    /// Write a page with that drawing to this file, which needs no other file and no script [default: none]
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,

    /// Write a trace for Perfetto and chrome://tracing to this file [default: none]
    #[arg(long, value_name = "OUT")]
    perfetto: Option<PathBuf>,
}

/// Why there is no trace.
#[derive(Debug)]
pub enum TraceError {
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// The file is too large.
    TooLarge,
    /// The file has no connection.
    NoConnection,
    /// The result cannot be written.
    Write(PathBuf, io::Error),
    /// Standard output cannot be written.
    Output(io::Error),
}

/// Reads the lines, and writes them in the forms that were asked for.
///
/// # Errors
/// If the file cannot be read or has no connection, or a result cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, TraceError> {
    let trace = Trace::of(&input::lines(&read(&args.file)?));
    if trace.attempts.is_empty() {
        return Err(TraceError::NoConnection);
    }
    type Form = fn(&Trace) -> String;
    let forms: [(&Option<PathBuf>, Form); 3] = [
        (&args.svg, draw::svg),
        (&args.html, draw::page),
        (&args.perfetto, perfetto::json),
    ];
    let mut is_written = false;
    for (path, form) in forms {
        if let Some(path) = path {
            let written = std::fs::write(path, form(&trace));
            written.map_err(|error| TraceError::Write(path.clone(), error))?;
            is_written = true;
        }
    }
    if !is_written {
        let text = text::text(&trace);
        let written = io::stdout().lock().write_all(text.as_bytes());
        written.map_err(TraceError::Output)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, TraceError> {
    let failed = |error| TraceError::Read(path.to_owned(), error);
    let mut bytes = Vec::new();
    let limit = MAX_INPUT + 1;
    let read = match path == Path::new("-") {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => {
            let file = File::open(path).map_err(failed)?;
            file.take(limit).read_to_end(&mut bytes)
        }
    };
    match read.map_err(failed)? as u64 > MAX_INPUT {
        true => Err(TraceError::TooLarge),
        false => Ok(bytes),
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::TooLarge => write!(f, "the file has more than {MAX_INPUT} bytes"),
            Self::NoConnection => f.write_str("the file has no connection of `snapback watch`"),
            Self::Write(path, error) => write!(f, "cannot write {}: {error}", path.display()),
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}

#[cfg(test)]
mod tests;
