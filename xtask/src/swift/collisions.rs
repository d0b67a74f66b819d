//! The names of the static library among those of an app: a program is linked with our library, with an SQLite of its own
//! and with another library in Rust, in both orders, and run. Each call has to reach its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::generated::MODULE;
use super::toolchain::Toolchain;
use super::{modules, package, symbols};
use crate::{files, tool};

/// Counts its calls, and answers what no SQLite would.
const APP: &str = "static long calls;\nlong app_calls(void) { return calls; }\n";
/// Unwinds, for which each library has a personality of its own.
const OTHER: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn other_catches() -> i32 {
    let unwound = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(41_i32)));
    *unwound.unwrap_err().downcast::<i32>().unwrap()
}
"#;
const PROGRAM: &str = r#"
import Foundation
import Snapback

@_silgen_name("sqlite3_libversion_number") func appVersion() -> Int
@_silgen_name("app_calls") func appCalls() -> Int
@_silgen_name("other_catches") func otherCatches() -> Int32

let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
var configuration = Configuration()
configuration.storage = .inFileWithKeys(
  folder.appendingPathComponent("a.db"), keys: folder.appendingPathComponent("keys"))
let client = try await SnapbackClient.open("juliet@example.org", password: "secret", configuration: configuration)
try await client.send(to: "romeo@example.net", "stored")
await client.shutdown()
print("the app's SQLite was called \(appCalls()) times by the store, and answers \(appVersion()) to the app")
print("the other library caught \(otherCatches())")
"#;
const SHOWN: &str = "the app's SQLite was called 0 times by the store, and answers 7 to the app\n\
                     the other library caught 41\n";

/// Links and runs the program in both orders.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    let work = tool::target_folder().join("swift/collisions");
    files::fresh(&work)?;
    let ours = work.join("libsnapback_ffi.a");
    files::copy(
        &tool::target_folder().join("debug/libsnapback_ffi.a"),
        &ours,
    )?;
    let names = symbols::of_sqlite(&ours)?;
    symbols::rename(&ours)?;
    let app = app(&work, &names)?;
    let other = other(&work)?;
    files::write(&work.join("main.swift"), PROGRAM)?;
    for (order, libraries) in [
        ("first", [&ours, &other, &app]),
        ("last", [&app, &other, &ours]),
    ] {
        let program = work.join(order);
        link(swift, &work, &libraries, &program)?;
        let shown = tool::output(&mut swift.command(&work, &program.to_string_lossy(), [""; 0]))?;
        if shown != SHOWN {
            return Err(format!("with our library {order}:\n{shown}"));
        }
    }
    println!("{} names of SQLite, each its own", names.len());
    Ok(())
}

/// The SQLite of an app: every name that ours has.
fn app(work: &Path, names: &BTreeSet<String>) -> Result<PathBuf, String> {
    let mut source = APP.to_owned();
    for name in names {
        let _ = writeln!(source, "long {name}(void) {{ calls++; return 7; }}");
    }
    files::write(&work.join("app.c"), &source)?;
    // Its names are also the compiler's, with other types.
    let arguments = ["-c", "-w", "-fno-builtin", "app.c", "-o", "app.o"];
    tool::run(Command::new("cc").args(arguments).current_dir(work))?;
    let archive = work.join("libapp.a");
    tool::run(
        Command::new("ar")
            .args(["rcs", "libapp.a", "app.o"])
            .current_dir(work),
    )?;
    Ok(archive)
}

fn other(work: &Path) -> Result<PathBuf, String> {
    files::write(&work.join("other.rs"), OTHER)?;
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-type", "staticlib", "-O"]);
    tool::run(rustc.arg("other.rs").current_dir(work))?;
    Ok(work.join("libother.a"))
}

fn link(
    swift: &Toolchain,
    work: &Path,
    libraries: &[&PathBuf],
    program: &Path,
) -> Result<(), String> {
    let arguments = ["-swift-version", "6", "main.swift", "-I"];
    let mut command = swift.command(work, "swiftc", arguments);
    command.arg(modules()).arg("-I");
    command.arg(package().join("Generated").join(MODULE));
    for target in ["Snapback", "SnapbackFFI"] {
        command.args(objects(target)?);
    }
    for library in libraries {
        // Past the compiler, which would look into them for names of libraries, and knows only its own version of LLVM.
        command.arg("-Xlinker").arg(library);
    }
    tool::run(command.arg("-o").arg(program))
}

/// What the compiler made of a target of the package.
fn objects(target: &str) -> Result<Vec<PathBuf>, String> {
    let folder = modules().with_file_name(format!("{target}.build"));
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths
        .filter(|path| path.extension().is_some_and(|end| end == "o"))
        .collect())
}
