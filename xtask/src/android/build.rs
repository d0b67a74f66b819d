//! What cargo builds: the library for this machine, the Kotlin that goes with it, and the server for the tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::assemble::list_files;
use super::{folder, sources};
use crate::files::{copy, fresh, read, write};
use crate::tool::{self, cargo};

/// What stands ready on this machine.
pub(super) struct Host {
    /// The folder that JNA looks into.
    pub(super) native: PathBuf,
    /// The library in it.
    pub(super) library: PathBuf,
    /// UniFFI's Kotlin.
    pub(super) generated: PathBuf,
    /// The reference server as a process.
    pub(super) test_server: PathBuf,
    /// Prosody and ejabberd as a process.
    pub(super) real_server: PathBuf,
}

impl Host {
    pub(super) fn build() -> Result<Self, String> {
        // The library on its own: together with the generator it would be built with the generator's features.
        tool::run(&mut cargo(&[
            "build",
            "--quiet",
            "--package",
            "snapback-ffi",
        ]))?;
        tool::run(&mut cargo(&[
            "build",
            "--quiet",
            "--package",
            "snapback-bindgen",
        ]))?;
        let test_server = tool::test_server()?;
        let real_server = tool::real_server()?;
        let built = tool::target_folder().join("debug");
        let native = folder().join("native");
        fresh(&native)?;
        let library = native.join("libsnapback_ffi.so");
        copy(&built.join("libsnapback_ffi.so"), &library)?;
        let generated = folder().join("generated");
        fresh(&generated)?;
        let mut generator = Command::new(built.join("uniffi-bindgen"));
        generator.arg("generate").arg(&library);
        generator
            .arg("--config")
            .arg(tool::workspace().join("bindings/uniffi.toml"));
        generator.args(["--language", "kotlin", "--no-format", "--out-dir"]);
        tool::run(generator.arg(&generated))?;
        adapt(&generated.join("im/snapback/ffi/snapback_ffi.kt"))?;
        Ok(Self {
            native,
            library,
            generated,
            test_server,
            real_server,
        })
    }
}

/// What UniFFI suppresses in its Kotlin.
const SUPPRESSED: &str = "@file:Suppress(\"NAME_SHADOWING\"";
/// What the compiler requires of all other files: each declaration says whether it is public, and of which type.
const EXPLICIT: [&str; 2] = [
    "NO_EXPLICIT_VISIBILITY_IN_API_MODE",
    "NO_EXPLICIT_RETURN_TYPE_IN_API_MODE",
];

/// Adapts UniFFI's Kotlin: it is exempt from the explicit API mode, which is for declarations that people write, and has no
/// code that only an app would call, because apps use the types of `im.snapback`.
fn adapt(generated: &Path) -> Result<(), String> {
    let kotlin = adapted(&read(generated)?, &public_types()?)
        .ok_or_else(|| format!("{} does not have {SUPPRESSED}", generated.display()))?;
    write(generated, &kotlin)
}

/// Returns the generated types that the API names by a `typealias`.
fn public_types() -> Result<BTreeSet<String>, String> {
    let mut files = Vec::new();
    list_files(&sources().join("src/main/kotlin"), &mut files)?;
    let mut names = BTreeSet::new();
    for file in files {
        names.extend(aliased(&read(&file)?).map(str::to_owned));
    }
    Ok(names)
}

fn aliased(kotlin: &str) -> impl Iterator<Item = &str> {
    let aliases = kotlin.lines().filter_map(|line| {
        let (_, target) = line.strip_prefix("public typealias ")?.split_once(" = ")?;
        target.strip_prefix("im.snapback.ffi.")
    });
    aliases.map(str::trim)
}

fn adapted(kotlin: &str, public: &BTreeSet<String>) -> Option<String> {
    let (before, after) = kotlin.split_once(SUPPRESSED)?;
    let names = EXPLICIT.map(|name| format!(", \"{name}\"")).concat();
    let mut adapted = format!("{before}{SUPPRESSED}{names}");
    let mut owner = "";
    for line in after.split_inclusive('\n') {
        if let Some(name) = declared(line) {
            owner = name;
        }
        let is_extended = || after.contains(&format!(" {owner}.Companion."));
        if line.trim() == "companion object" && !is_extended() {
            // A companion without content would be a class of its own.
            continue;
        }
        match line.split_once("data class ") {
            // Without comparison, copy and text.
            Some((indentation, declaration))
                if indentation.trim().is_empty() && !public.contains(owner) =>
            {
                adapted.extend([indentation, "class ", declaration]);
            }
            _ => adapted.push_str(line),
        }
    }
    Some(adapted)
}

/// Returns the name of the interface or class whose declaration begins in this line, at the top level.
fn declared(line: &str) -> Option<&str> {
    let (modifiers, rest) = ["interface ", "class "]
        .iter()
        .find_map(|keyword| line.split_once(keyword))?;
    let is_declaration = !line.starts_with([' ', '/', '*'])
        && modifiers
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == ' ');
    is_declaration.then(|| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted_alone(kotlin: &str) -> Option<String> {
        adapted(kotlin, &BTreeSet::new())
    }

    #[test]
    fn generated_types_of_the_api_stay_data_classes() {
        let aliases = "public typealias A = im.snapback.ffi.Aliased\npublic typealias B = Other\n";
        let public: BTreeSet<_> = aliased(aliases).map(str::to_owned).collect();
        let code = format!("{SUPPRESSED})\ndata class Aliased (\n)\ndata class Internal (\n)\n");
        let kotlin = adapted(&code, &public).unwrap_or_default();
        assert!(kotlin.ends_with("data class Aliased (\n)\nclass Internal (\n)\n"));
    }

    #[test]
    fn generated_kotlin_is_exempted() {
        let kotlin = adapted_alone("// a\n@file:Suppress(\"NAME_SHADOWING\")\npackage x\n");
        let expected = "// a\n@file:Suppress(\"NAME_SHADOWING\", \"NO_EXPLICIT_VISIBILITY_IN_API_MODE\", \"NO_EXPLICIT_RETURN_TYPE_IN_API_MODE\")\npackage x\n";
        assert_eq!(kotlin.as_deref(), Some(expected));
        assert_eq!(adapted_alone("package x\n"), None);
    }

    #[test]
    fn generated_kotlin_has_no_code_that_is_not_called() {
        let of = |code: &str| {
            let all = adapted_alone(&format!("{SUPPRESSED})\n{code}")).unwrap_or_default();
            all.split_once('\n').map(|(_, code)| code.to_owned())
        };
        assert_eq!(
            of("data class A(\n    val a: Int\n){\n    companion object\n}\n").as_deref(),
            Some("class A(\n    val a: Int\n){\n}\n"),
        );
        let nested = "sealed class B {\n    data class C(val c: Int) : B() {\n        companion object\n    }\n}\n";
        assert_eq!(
            of(nested).as_deref(),
            Some("sealed class B {\n    class C(val c: Int) : B() {\n    }\n}\n"),
        );
        let extended = "interface D {\n    companion object\n}\nfun D.Companion.d() = 1\n";
        assert_eq!(of(extended).as_deref(), Some(extended));
        let with_content = "class E {\n    companion object {\n    }\n}\n";
        assert_eq!(of(with_content).as_deref(), Some(with_content));
    }
}
