//! The user's cache folder: filled once, atomically, by one process at a time.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{StartError, Unavailable};

/// Separates the name of a folder that is being filled from the id of its process.
const UNFINISHED: &str = ".partial-";

/// `$XDG_CACHE_HOME/snapback/servers`, else `~/.cache/snapback/servers`.
fn folder() -> Result<PathBuf, StartError> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .ok_or(Unavailable::NoCacheFolder)?;
    Ok(base.join("snapback").join("servers"))
}

/// The finished folder `name`, made by `fill` if it is not there yet.
///
/// `fill` works in a folder beside it that gets its final name only when it is complete, so an interrupted run leaves
/// nothing that a later one would believe. A lock file keeps concurrent runs apart; the kernel drops it with its owner.
pub(crate) fn get_or_fill(
    name: &str,
    fill: impl FnOnce(&Path) -> Result<(), StartError>,
) -> Result<PathBuf, StartError> {
    let folder = folder()?;
    let finished = folder.join(name);
    if finished.is_dir() {
        return Ok(finished);
    }
    fs::create_dir_all(&folder)
        .map_err(StartError::io(format!("creating {}", folder.display())))?;
    let lock_path = folder.join(format!("{name}.lock"));
    let lock = File::create(&lock_path)
        .map_err(StartError::io(format!("creating {}", lock_path.display())))?;
    lock.lock()
        .map_err(StartError::io(format!("locking {}", lock_path.display())))?;
    if finished.is_dir() {
        return Ok(finished); // another process filled it while this one waited
    }
    clear_unfinished(&folder, name);
    // A unique name: a tool of an interrupted run may still write to the folder that it left.
    let unfinished = folder.join(format!("{name}{UNFINISHED}{}", std::process::id()));
    fs::create_dir(&unfinished)
        .map_err(StartError::io(format!("creating {}", unfinished.display())))?;
    fill(&unfinished)?;
    fs::rename(&unfinished, &finished)
        .map_err(StartError::io(format!("publishing {}", finished.display())))?;
    Ok(finished)
}

/// Removes what interrupted runs left, as far as possible: it only takes up space.
fn clear_unfinished(folder: &Path, name: &str) {
    let prefix = format!("{name}{UNFINISHED}");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
