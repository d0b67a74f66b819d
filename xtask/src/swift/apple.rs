//! The parts for Apple's systems, type-checked where those are not.
//!
//! They stand behind `canImport`; here it finds modules of the same name (`ios/Stubs`), which hold what Snapback uses of
//! the real ones and do nothing.

use std::fs;
use std::path::Path;

use super::generated::MODULE;
use super::package;
use super::toolchain::Toolchain;
use crate::{files, tool};

/// Makes what is missing of Foundation visible to every file, as on Apple's systems.
const IMPORTS: &str = "import AppleFoundation\n";
/// Apple's declaration of which interfaces are called for which purpose.
const PRIVACY: &str = "Sources/Snapback/Resources/PrivacyInfo.xcprivacy";
const FOUNDATION: &str = "AppleFoundation";

/// Checks in one go: a file that fails does not hide the next one.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    let out = tool::target_folder().join("swift/apple");
    files::make(&out)?;
    let stubs = sources(&package().join("Stubs"))?;
    for stub in &stubs {
        let name = Path::new(stub).file_stem().unwrap_or_default();
        emit_module(swift, &out, &name.to_string_lossy(), "6", stub)?;
    }
    let binding = package().join("Generated/SnapbackFFI/SnapbackFFI.swift");
    emit_module(swift, &out, "SnapbackFFI", "5", &binding.to_string_lossy())?;
    let imports = out.join("Imports.swift");
    files::write(&imports, IMPORTS)?;

    // It prints what is wrong, and succeeds.
    let found = tool::output(&mut swift.command(&package(), "plutil", ["-lint", "--", PRIVACY]))?;
    if !found.trim_end().ends_with(": OK") {
        return Err(found);
    }

    let handwritten = sources(&package().join("Sources/Snapback"))?;
    imports_are_known(&handwritten, &stubs)?;
    imports_are_known(
        &sources(&package().join("Sources/SnapbackTesting"))?,
        &stubs,
    )?;
    let mut command = swift.command(&package(), "swiftc", ["-typecheck", "-wmo"]);
    command.args(["-parse-as-library", "-warnings-as-errors"]);
    command.args(["-module-name", "Snapback", "-swift-version", "6"]);
    command.args(["-package-name", "snapback", "-I"]);
    command
        .arg(&out)
        .args(["-I", &format!("Generated/{MODULE}")]);
    tool::run(command.arg(&imports).args(handwritten))
}

fn emit_module(
    swift: &Toolchain,
    out: &Path,
    name: &str,
    language: &str,
    source: &str,
) -> Result<(), String> {
    let mut command = swift.command(&package(), "swiftc", ["-emit-module", "-parse-as-library"]);
    command.args(["-module-name", name, "-swift-version", language]);
    command.args(["-package-name", "snapback"]);
    command.args(["-I", &format!("Generated/{MODULE}"), "-o"]);
    tool::run(
        command
            .arg(out.join(format!("{name}.swiftmodule")))
            .arg(source),
    )
}

/// No private interface, and none that was not looked at: every module is Swift's, ours, or one of the stand-ins.
fn imports_are_known(files: &[String], stubs: &[String]) -> Result<(), String> {
    for file in files {
        let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        for line in text.lines() {
            if let Some(found) = unknown_import(line, stubs) {
                return Err(format!(
                    "{file}: imports {found}, which `ios/Stubs` does not know"
                ));
            }
            if let Some(word) = FORBIDDEN.iter().find(|word| line.contains(**word)) {
                return Err(format!(
                    "{file}: {word} is not for iOS 15, or not for the App Store"
                ));
            }
        }
    }
    Ok(())
}

/// Younger than iOS 15, which the compiler for Linux does not notice; or a way around the public interface.
const FORBIDDEN: [&str; 12] = [
    "Duration",
    "ContinuousClock",
    "SuspendingClock",
    "sleep(for:",
    "sleep(until:",
    "DiscardingTaskGroup",
    "import Synchronization",
    "any AsyncSequence<",
    "@_silgen_name",
    "dlsym",
    "dlopen",
    "NSSelectorFromString",
];

fn unknown_import<'line>(line: &'line str, stubs: &[String]) -> Option<&'line str> {
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.starts_with('@'));
    if words.next() != Some("import") {
        return None;
    }
    let module = words.next()?;
    let known = ["Foundation", "Dispatch", "Snapback", "SnapbackFFI"];
    let is_stub = stubs.iter().any(|stub| {
        let name = Path::new(stub).file_stem().unwrap_or_default();
        name == module && module != FOUNDATION
    });
    (!known.contains(&module) && !is_stub).then_some(module)
}

/// All Swift files below a folder, in order.
pub(super) fn sources(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "swift")
        {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_modules_may_be_imported() {
        let stubs = [
            "Stubs/Network.swift".to_owned(),
            "Stubs/AppleFoundation.swift".to_owned(),
        ];
        let unknown = |line| unknown_import(line, &stubs);
        assert_eq!(unknown("  import Network"), None);
        assert_eq!(unknown("import Foundation"), None);
        assert_eq!(
            unknown("@preconcurrency import SpringBoard"),
            Some("SpringBoard")
        );
        assert_eq!(unknown("import AppleFoundation"), Some("AppleFoundation"));
        assert_eq!(unknown("// imports nothing"), None);
    }
}
