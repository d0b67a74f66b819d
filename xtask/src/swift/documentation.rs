//! The documentation as Xcode would show it: every link leads somewhere, every parameter is described.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::generated::MODULE;
use super::toolchain::Toolchain;
use super::{apple, package};
use crate::{files, tool};

/// Each library of the package, after those that it needs.
const LIBRARIES: [&str; 2] = ["Snapback", "SnapbackTesting"];

/// Converts the catalogue of each library against the package as it was built.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    let work = tool::target_folder().join("swift/documentation");
    let _ = fs::remove_dir_all(&work);
    let binding = package().join("Generated/SnapbackFFI/SnapbackFFI.swift");
    emit_module(swift, &work, "SnapbackFFI", "5", &[binding])?;
    let target = target(swift)?;
    for library in LIBRARIES {
        emit_module(swift, &work, library, "6", &sources(&work, library)?)?;
        let symbols = work.join("symbols").join(library);
        files::make(&symbols)?;
        extract(swift, &work, library, &target, &symbols)?;
        convert(swift, &work, library, &symbols)?;
    }
    Ok(())
}

/// Writes down what a library declares.
fn extract(
    swift: &Toolchain,
    work: &Path,
    library: &str,
    target: &str,
    symbols: &Path,
) -> Result<(), String> {
    let arguments = ["-module-name", library, "-I"];
    let mut extract = swift.command(&package(), "swift-symbolgraph-extract", arguments);
    extract.arg(work);
    extract.args(["-I", &format!("Generated/{MODULE}")]);
    extract.args(["-minimum-access-level", "public"]);
    if library == "Snapback" {
        // The types of the binding that this module exports are described with it.
        extract.arg("-experimental-allowed-reexported-modules=SnapbackFFI");
    }
    if cfg!(target_os = "macos") {
        let sdk = tool::output(Command::new("xcrun").arg("--show-sdk-path"))?;
        extract.args(["-sdk", sdk.trim()]);
    }
    extract.args(["-target", target, "-output-dir"]);
    tool::run(extract.arg(symbols))
}

fn convert(swift: &Toolchain, work: &Path, library: &str, symbols: &Path) -> Result<(), String> {
    let catalogue = format!("Sources/{library}/{library}.docc");
    let mut convert = swift.command(&package(), "docc", ["convert", &catalogue]);
    convert.args(["--warnings-as-errors", "--additional-symbol-graph-dir"]);
    convert.arg(symbols);
    convert.args(["--fallback-display-name", library]);
    convert.args(["--fallback-bundle-identifier", "im.snapback"]);
    let archive = work.join(format!("{library}.doccarchive"));
    tool::run(convert.arg("--output-dir").arg(archive))
}

/// Compiles one module as far as its interface.
fn emit_module(
    swift: &Toolchain,
    work: &Path,
    name: &str,
    language: &str,
    sources: &[PathBuf],
) -> Result<(), String> {
    let options = ["-emit-module", "-parse-as-library", "-module-name", name];
    let mut command = swift.command(&package(), "swiftc", options);
    command.args(["-swift-version", language, "-package-name", "snapback"]);
    command.args(["-I", &format!("Generated/{MODULE}"), "-I"]);
    command.arg(work).arg("-o");
    command.arg(work.join(format!("{name}.swiftmodule")));
    tool::run(command.args(sources))
}

/// Copies of a library's sources without the names that they repeat of the binding: each type is described once, with its cases.
fn sources(work: &Path, library: &str) -> Result<Vec<PathBuf>, String> {
    let folder = package().join("Sources").join(library);
    let mut copies = Vec::new();
    for path in apple::sources(&folder)? {
        let path = PathBuf::from(path);
        let copy = work
            .join("sources")
            .join(library)
            .join(path.strip_prefix(&folder).unwrap_or(&path));
        files::write(&copy, &without_aliases(&files::read(&path)?))?;
        copies.push(copy);
    }
    Ok(copies)
}

/// The text without each `typealias` that has the name of its type, and without the comment above it.
fn without_aliases(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        if !is_alias_of_same_name(line) {
            kept.push(line);
            continue;
        }
        while kept.last().is_some_and(|above| above.starts_with("///")) {
            kept.pop();
        }
    }
    kept.join("\n") + "\n"
}

fn is_alias_of_same_name(line: &str) -> bool {
    let alias = line.strip_prefix("public typealias ");
    let names = alias.and_then(|alias| alias.split_once(" = SnapbackFFI."));
    names.is_some_and(|(name, of)| name == of)
}

/// The target that the compiler builds for, as it calls it.
fn target(swift: &Toolchain) -> Result<String, String> {
    let info = tool::output(&mut swift.command(&package(), "swiftc", ["-print-target-info"]))?;
    triple(&info)
        .map(str::to_owned)
        .ok_or_else(|| "the compiler does not say what it builds for".to_owned())
}

fn triple(info: &str) -> Option<&str> {
    let (_, rest) = info.split_once("\"triple\": \"")?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_described_once() {
        let text = "/// A.\n/// B.\npublic typealias Stage = SnapbackFFI.Stage\n\
                    /// C.\npublic typealias Transport = SnapbackFFI.TransportKind\n";
        let kept = "/// C.\npublic typealias Transport = SnapbackFFI.TransportKind\n";
        assert_eq!(without_aliases(text), kept);
    }

    #[test]
    fn the_target_is_found() {
        let info = "{\n  \"target\": {\n    \"triple\": \"x86_64-pc-linux-gnu\",\n  }\n}";
        assert_eq!(triple(info), Some("x86_64-pc-linux-gnu"));
    }
}
