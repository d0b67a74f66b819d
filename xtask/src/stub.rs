//! A program that stands for compiler and archiver where nothing is linked.

use std::path::Path;
use std::process::Command;

use crate::{files, tool};

/// Writes the requested output without contents: an empty object, an archive without members.
const NOTHING: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    -o) : > "$2" ;;
    *.a) printf '!<arch>\n' > "$1" ;;
    esac
    shift
done
"#;

/// Puts the stub there.
pub(crate) fn compiler(path: &Path) -> Result<(), String> {
    program(path, NOTHING)
}

/// Writes an executable program. One that exists already stays unchanged: what was built with it stays valid.
pub(crate) fn program(path: &Path, text: &str) -> Result<(), String> {
    if files::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    files::write(path, text)?;
    tool::run(Command::new("chmod").arg("755").arg(path))
}
