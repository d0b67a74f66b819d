//! The documentation as Xcode would show it: every link leads somewhere, every parameter is described.

use std::fs;
use std::process::Command;

use super::generated::MODULE;
use super::toolchain::Toolchain;
use super::{modules, package};
use crate::{files, tool};

/// Converts the catalogue against the package as it was built.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    let work = tool::target_folder().join("swift/documentation");
    let _ = fs::remove_dir_all(&work);
    let symbols = work.join("symbols");
    files::make(&symbols)?;

    let arguments = ["-module-name", "Snapback", "-I"];
    let mut extract = swift.command(&package(), "swift-symbolgraph-extract", arguments);
    extract.arg(modules());
    extract.args(["-I", &format!("Generated/{MODULE}")]);
    extract.args(["-minimum-access-level", "public"]);
    // The types of the binding that this module exports are described with it.
    extract.arg("-experimental-allowed-reexported-modules=SnapbackFFI");
    if cfg!(target_os = "macos") {
        let sdk = tool::output(Command::new("xcrun").arg("--show-sdk-path"))?;
        extract.args(["-sdk", sdk.trim()]);
    }
    extract.args(["-target", &target(swift)?, "-output-dir"]);
    tool::run(extract.arg(&symbols))?;

    let arguments = ["convert", "Sources/Snapback/Snapback.docc"];
    let mut convert = swift.command(&package(), "docc", arguments);
    convert.args(["--warnings-as-errors", "--additional-symbol-graph-dir"]);
    convert.arg(&symbols);
    convert.args(["--fallback-display-name", "Snapback"]);
    convert.args(["--fallback-bundle-identifier", "im.snapback"]);
    tool::run(
        convert
            .arg("--output-dir")
            .arg(work.join("Snapback.doccarchive")),
    )
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
    fn the_target_is_found() {
        let info = "{\n  \"target\": {\n    \"triple\": \"x86_64-pc-linux-gnu\",\n  }\n}";
        assert_eq!(triple(info), Some("x86_64-pc-linux-gnu"));
    }
}
