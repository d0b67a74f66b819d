//! `snapback store inspect`: what is stored for an account, without the secrets.

mod failed;
mod issues;
mod keys;
mod push;
mod view;

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use snapback_client::FileVault;
use snapback_client::store::{InspectError, VaultError, inspect};

use view::View;

/// Inspect the state that `snapback watch --state` keeps
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Inspect(Inspect),
}

/// Show what is stored: addresses, sessions, tokens, queues; no secret and no text of a message
///
/// A copy is examined: nothing is changed, repaired or set aside. A file that another process has open is left
/// untouched.
#[derive(Debug, clap::Args)]
struct Inspect {
    /// A directory as given to --state, or one file of it
    #[arg(value_name = "DIR|FILE")]
    path: PathBuf,

    /// The account of the file; by default, the file's name says it
    #[arg(long, value_name = "JID")]
    account: Option<String>,

    /// Print one JSON object for each account, one a line
    #[arg(long)]
    json: bool,
}

/// Why there is nothing to inspect.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The path cannot be read.
    Read(PathBuf, io::Error),
    /// The path contains no file of an account.
    Empty(PathBuf),
    Output(io::Error),
}

/// Returns exit code 1 if a file could not be inspected.
pub(crate) fn run(args: Args) -> Result<ExitCode, StoreError> {
    let Command::Inspect(args) = args.command;
    let mut code = ExitCode::SUCCESS;
    let mut out = io::stdout().lock();
    for file in files(&args.path)? {
        let found = look(&file, args.account.as_deref());
        if found.is_err() {
            code = ExitCode::FAILURE;
        }
        let account = args.account.clone().or_else(|| account_of(&file));
        let view = View::new(&file, account.as_deref(), found);
        let text = if args.json {
            serde_json::to_string(&view).map_err(|error| StoreError::Output(error.into()))?
        } else {
            view.to_string()
        };
        writeln!(out, "{text}").map_err(StoreError::Output)?;
    }
    Ok(code)
}

/// Why one file cannot be inspected.
#[derive(Debug)]
enum LookError {
    /// Its name does not say which account it belongs to.
    NoAccount,
    /// The folder `keys` beside it is missing.
    NoKeys,
    Vault(VaultError),
    Inspect(InspectError),
}

fn look(
    file: &Path,
    account: Option<&str>,
) -> Result<snapback_client::store::Inspection, LookError> {
    let named = account_of(file);
    let account = account.or(named.as_deref()).ok_or(LookError::NoAccount)?;
    let keys = file.with_file_name("keys");
    // A missing vault must not be created by opening it.
    if !keys.is_dir() {
        return Err(LookError::NoKeys);
    }
    let vault = FileVault::new(keys).map_err(LookError::Vault)?;
    inspect(file, account, &vault).map_err(LookError::Inspect)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let read = |error| StoreError::Read(path.to_owned(), error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(read)? {
        let file = entry.map_err(read)?.path();
        if file.extension().is_some_and(|extension| extension == "db") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(StoreError::Empty(path.to_owned()));
    }
    Ok(files)
}

/// Returns the account of a file, which `watch` names after it, in hexadecimal.
fn account_of(file: &Path) -> Option<String> {
    let name = file.file_stem()?.to_str()?;
    let (pairs, rest) = name.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs.iter().map(|[high, low]| {
        let byte = digit(*high)? * 16 + digit(*low)?;
        u8::try_from(byte).ok()
    });
    String::from_utf8(bytes.collect::<Option<_>>()?).ok()
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Empty(path) => write!(f, "there is no account in {}", path.display()),
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl fmt::Display for LookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAccount => {
                f.write_str("its name does not say whose it is: name the account with --account")
            }
            Self::NoKeys => f.write_str("there is no folder `keys` beside it"),
            Self::Vault(error) => error.fmt(f),
            Self::Inspect(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_account() {
        let table = [
            ("state/61406231.db", Some("a@b1")),
            ("61406231.db", Some("a@b1")),
            ("account.db", None),
            ("6.db", None),
            ("ff.db", None),
        ];
        for (file, expected) in table {
            assert_eq!(account_of(Path::new(file)).as_deref(), expected, "{file}");
        }
    }
}
