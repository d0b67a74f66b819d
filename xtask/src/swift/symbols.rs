//! The names in the static library. An app links it together with libraries of others, and a linker takes the first
//! symbol of a name: an app's own SQLite would be called by the store, or ours by the app, and a second library in Rust
//! has a second copy of what it is built with. So every global name of ours gets a prefix, except those that Swift calls.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tool;

/// Called from outside.
const EXPORTED: [&str; 2] = ["uniffi_", "ffi_snapback_"];
/// Made weak instead: each library in Rust has it, they are interchangeable, and Apple's unwind tables name only three of
/// its kind in a whole app, one of which is Swift's.
const SHARED: &str = "rust_eh_personality";
/// Renamed also where the library only refers to them.
const SQLITE: &str = "sqlite3_";
const PREFIX: &str = "snapback_";
const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// Renames in an archive of either format, ELF's or Apple's.
pub(super) fn rename(archive: &Path) -> Result<(), String> {
    let bytes = fs::read(archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    let names = to_rename(&bytes)
        .ok_or_else(|| format!("{}: an archive without an index", archive.display()))?;
    let mut list = String::new();
    for name in &names {
        let _ = writeln!(list, "{name} {}", renamed(name));
    }
    let file = archive.with_extension("renamed");
    fs::write(&file, list).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut command = Command::new(tool::objcopy()?);
    for libraries in ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
        command.env(libraries, tool::sysroot()?.join("lib"));
    }
    for name in [SHARED.to_owned(), format!("_{SHARED}")] {
        command.arg(format!("--weaken-symbol={name}"));
    }
    tool::run(command.arg("--redefine-syms").arg(&file).arg(archive))?;
    println!("{} names in {}", names.len(), archive.display());
    Ok(())
}

/// The names of SQLite that an archive defines.
pub(super) fn of_sqlite(archive: &Path) -> Result<BTreeSet<String>, String> {
    let bytes = fs::read(archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    let mut names = strings(index(&bytes).unwrap_or_default());
    names.retain(|name| name.starts_with(SQLITE));
    Ok(names)
}

/// The names that get the prefix; `None` if the archive has no index.
fn to_rename(bytes: &[u8]) -> Option<BTreeSet<String>> {
    let mut names = strings(index(bytes)?);
    names.extend(strings(bytes).into_iter().filter(|name| {
        let plain = name.strip_prefix('_').unwrap_or(name);
        plain.starts_with(SQLITE)
    }));
    names.retain(|name| {
        let plain = name.strip_prefix('_').unwrap_or(name);
        plain != SHARED && !EXPORTED.iter().any(|export| plain.starts_with(export))
    });
    Some(names)
}

/// Apple's names begin with an underscore, which stays first.
fn renamed(name: &str) -> String {
    match name.strip_prefix('_') {
        Some(plain) => format!("_{PREFIX}{plain}"),
        None => format!("{PREFIX}{name}"),
    }
}

/// The texts that end with a zero byte and could be names.
fn strings(bytes: &[u8]) -> BTreeSet<String> {
    let texts = bytes.split(|byte| *byte == 0);
    let names = texts.filter(|text| {
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.$".contains(byte);
        !text.is_empty() && text.iter().all(is_of_name)
    });
    names
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}

/// The names of the index, which lists all that the members define: `/` with big-endian offsets in ELF's archives,
/// `__.SYMDEF` with little-endian pairs in Apple's.
fn index(archive: &[u8]) -> Option<&[u8]> {
    let member = archive.strip_prefix(MAGIC)?;
    let (header, rest) = member.split_at_checked(HEADER)?;
    let field = |from: usize, to: usize| {
        let text = std::str::from_utf8(header.get(from..to)?).ok()?;
        Some(text.trim())
    };
    let name = field(0, 16)?;
    let mut content = rest.get(..field(48, 58)?.parse().ok()?)?;
    let mut full = name.to_owned();
    if let Some(length) = name.strip_prefix("#1/") {
        let (long, after) = content.split_at_checked(length.parse().ok()?)?;
        full = String::from_utf8_lossy(long).into_owned();
        content = after;
    }
    let number = |at: usize| content.get(at..at + 4)?.try_into().ok();
    match full.trim_end_matches('\0') {
        "/" => {
            let count = u32::from_be_bytes(number(0)?);
            content.get(4 + 4 * usize::try_from(count).ok()?..)
        }
        "__.SYMDEF" | "__.SYMDEF SORTED" => {
            let pairs = usize::try_from(u32::from_le_bytes(number(0)?)).ok()?;
            let length = usize::try_from(u32::from_le_bytes(number(4 + pairs)?)).ok()?;
            content.get(8 + pairs..)?.get(..length)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(format!("{name:<48}{:<10}`\n", content.len()).into_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn all_that_is_defined_is_renamed_but_what_swift_calls() {
        let mut elf = archive(
            "/",
            b"\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0rust_eh_personality\0uniffi_snapback_fn\0ring_core_a\0",
        );
        elf.extend(b"\0sqlite3_step\0printf\0");
        let names = to_rename(&elf).unwrap();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(names, ["ring_core_a", "sqlite3_step"]);
    }

    #[test]
    fn an_archive_of_apple_s_format_is_read() {
        let mut content = b"__.SYMDEF\0\0\0".to_vec();
        content.extend(8_u32.to_le_bytes());
        content.extend([0; 8]);
        content.extend(24_u32.to_le_bytes());
        content.extend(b"_ffi_snapback_a\0_other\0\0");
        let mut apple = archive("#1/12", &content);
        apple.extend(b"\0_sqlite3_open\0");
        let names = to_rename(&apple).unwrap();
        let renamed: Vec<String> = names.iter().map(|name| renamed(name)).collect();
        assert_eq!(renamed, ["_snapback_other", "_snapback_sqlite3_open"]);
        assert_eq!(to_rename(b"!<arch>\n"), None);
    }
}
