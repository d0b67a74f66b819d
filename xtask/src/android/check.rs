//! What can be known about a library without a phone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::assemble::{Aar, Aars};
use super::build::Host;
use crate::files::read;
use crate::tool;

/// What the library for this machine may ask the system for.
const SYSTEM_LIBRARIES: [&str; 7] = [
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
];
/// What the one for devices may: there is nothing else on all of them.
const DEVICE_LIBRARIES: [&str; 4] = ["libc.so", "libdl.so", "liblog.so", "libm.so"];
/// What a library for a device may have at most, stripped: see `docs/decisions/0051`.
pub(super) const BUDGET_BYTES: u64 = 4_750_000;
const PAGE: u64 = 16_384;
/// The two tags of packed relocations, without and with addends, in the dynamic section.
const PACKED_RELOCATIONS: [u64; 2] = [0x6000_000f, 0x6000_0011];
/// What the generator of bindings reads from the library for this machine. No app needs it.
const METADATA: &str = "UNIFFI_META_";
/// Every library of UniFFI's has it: called before anything else.
const CONTRACT: &str = "ffi_snapback_ffi_uniffi_contract_version";

/// Every function that the Kotlin side calls is there; nothing but the system is needed; no code is written at load.
pub(super) fn host_library(host: &Host) -> Result<(), String> {
    desktop_library(&host.library, host)
}

/// The same for the library that is shipped for machines as this one.
pub(super) fn desktop_library(library: &Path, host: &Host) -> Result<(), String> {
    called_is_exported(host, &exported(library)?)?;
    dynamic(library, &SYSTEM_LIBRARIES).map(drop)
}

/// The same for a device, with what is special about those.
pub(super) fn device_library(library: &Path, host: &Host) -> Result<(), String> {
    let exported = exported(library)?;
    called_is_exported(host, &exported)?;
    if !exported.contains("Java_im_snapback_android_Verifier_initialize") {
        return Err("the function that Java calls is not exported".to_owned());
    }
    shipped(library, &DEVICE_LIBRARIES, &exported)
}

/// For what stands in for a device's library, which Java does not call.
pub(super) fn proxy_library(library: &Path) -> Result<(), String> {
    shipped(library, &SYSTEM_LIBRARIES, &exported(library)?)
}

fn called_is_exported(host: &Host, exported: &BTreeSet<String>) -> Result<(), String> {
    let generated = read(&host.generated.join("im/snapback/ffi/snapback_ffi.kt"))?;
    let called = called(&generated);
    if called.is_empty() {
        return Err("the generated Kotlin calls nothing".to_owned());
    }
    let missing: Vec<&str> = called
        .iter()
        .filter(|name| !exported.contains(**name))
        .copied()
        .collect();
    if !missing.is_empty() {
        return Err(format!("not exported: {}", missing.join(", ")));
    }
    println!("{} functions called, all of them exported", called.len());
    Ok(())
}

/// Checks that the linker's options had their effect, and that the size is within the budget.
fn shipped(library: &Path, allowed: &[&str], exported: &BTreeSet<String>) -> Result<(), String> {
    let section = dynamic(library, allowed)?;
    if !tags(&section).any(|tag| PACKED_RELOCATIONS.contains(&tag)) {
        return Err(format!(
            "{}: its relocations are not packed",
            library.display()
        ));
    }
    if !exported.contains(CONTRACT) {
        return Err(format!("{CONTRACT} is not exported"));
    }
    if let Some(name) = exported.iter().find(|name| name.starts_with(METADATA)) {
        return Err(format!("{name} is of no use on a device"));
    }
    size_and_pages(library)
}

fn size_and_pages(library: &Path) -> Result<(), String> {
    let bytes = fs::metadata(library)
        .map_err(|error| format!("{}: {error}", library.display()))?
        .len();
    println!("{bytes} bytes; the budget is {BUDGET_BYTES}");
    if bytes > BUDGET_BYTES {
        return Err(format!("{bytes} bytes; {BUDGET_BYTES} are allowed"));
    }
    let headers = tool::output(
        Command::new("readelf")
            .args(["--program-headers", "--wide"])
            .arg(library),
    )?;
    for alignment in load_alignments(&headers) {
        if alignment % PAGE != 0 {
            return Err(format!("a segment is aligned to {alignment:#x}"));
        }
    }
    Ok(())
}

/// Classes that are looked up by name, in each AAR. JNA's own rule keeps its structures and callbacks.
const BY_NAME: [&str; 1] = ["im.snapback.android.Verifier"];
const BY_NAME_IN_VERIFIER: [&str; 1] = ["org.rustls.platformverifier."];
/// JNA reads the order of a structure's fields from an annotation (`@Structure.FieldOrder`), which R8 drops unless a
/// rule keeps it.
const KEPT_ATTRIBUTES: &str = "RuntimeVisibleAnnotations";
/// What JNA finds by its name in the binding: structures, callbacks, and the functions of the library.
const OF_JNA: [&str; 2] = [
    "-keep class * extends com.sun.jna.** { *; }",
    "-keepclasseswithmembers class im.snapback.ffi.** { native <methods>; }",
];

/// Every class that is looked for by its name is kept when an app is shrunk, and is in the AAR where it belongs.
pub(super) fn keep_rules(aars: &Aars) -> Result<(), String> {
    kept_by_name(&aars.library, &BY_NAME)?;
    kept_by_name(&aars.verifier, &BY_NAME_IN_VERIFIER)?;
    let rules = read(&aars.library.sources.join("proguard.txt"))?;
    if !keeps_attribute(&rules, KEPT_ATTRIBUTES) {
        return Err(format!("no rule keeps {KEPT_ATTRIBUTES}"));
    }
    if let Some(rule) = OF_JNA.iter().find(|rule| !rules.contains(*rule)) {
        return Err(format!("no rule {rule}"));
    }
    let is_verifier = |class: &&String| class.starts_with(BY_NAME_IN_VERIFIER[0]);
    if let Some(class) = aars.library.classes.iter().find(is_verifier) {
        return Err(format!("{class} is not to be in the library's own AAR"));
    }
    Ok(())
}

fn kept_by_name(aar: &Aar, by_name: &[&str]) -> Result<(), String> {
    let rules = read(&aar.sources.join("proguard.txt"))?;
    let kept = kept(&rules);
    for name in by_name {
        if !aar.classes.iter().any(|class| class.starts_with(name)) {
            return Err(format!("{} has no {name}", aar.file.display()));
        }
    }
    let is_looked_for = |class: &&String| by_name.iter().any(|name| class.starts_with(name));
    let looked_for: Vec<&String> = aar.classes.iter().filter(is_looked_for).collect();
    for class in &looked_for {
        if !kept.iter().any(|pattern| matches(pattern, class)) {
            return Err(format!("no rule keeps {class}"));
        }
    }
    println!(
        "{} classes are found by name, all of them kept",
        looked_for.len()
    );
    Ok(())
}

/// What Rust calls in the crate's own Kotlin is in ours: the function with its parameters, and the fields of its result.
pub(super) fn verifier_contract(ours: &Path, upstream: &Path) -> Result<(), String> {
    const MEMBERS: [(&str, &[&str]); 2] = [
        (
            "org.rustls.platformverifier.CertificateVerifier",
            &["verifyCertificateChain"],
        ),
        (
            "org.rustls.platformverifier.VerificationResult",
            &["code", "message"],
        ),
    ];
    for (class, names) in MEMBERS {
        let (ours, upstream) = (signatures(ours, class)?, signatures(upstream, class)?);
        for name in names {
            let called = descriptor(&upstream, name)
                .ok_or_else(|| format!("the crate's {class} has no {name}"))?;
            if descriptor(&ours, name) != Some(called) {
                return Err(format!("{class} has no {name} as {called}"));
            }
        }
    }
    Ok(())
}

fn signatures(classes: &Path, class: &str) -> Result<String, String> {
    let mut javap = Command::new("javap");
    javap.args(["-private", "-s", "-classpath"]).arg(classes);
    tool::output(javap.arg(class))
}

/// The descriptor of a member in what javap prints.
fn descriptor<'a>(printed: &'a str, name: &str) -> Option<&'a str> {
    let is_member = |line: &str| {
        let declared = line.split(['(', ';']).next().unwrap_or_default();
        declared.ends_with(&format!(" {name}"))
    };
    let mut lines = printed.lines().skip_while(|line| !is_member(line));
    lines.nth(1)?.trim().strip_prefix("descriptor: ")
}

/// Looks at the dynamic section, and returns it.
fn dynamic(library: &Path, allowed: &[&str]) -> Result<String, String> {
    let section = tool::output(
        Command::new("readelf")
            .args(["--dynamic", "--wide"])
            .arg(library),
    )?;
    if section.contains("TEXTREL") {
        return Err(format!("{} has text relocations", library.display()));
    }
    for needed in needed(&section) {
        if !allowed.contains(&needed) {
            return Err(format!("{} needs {needed}", library.display()));
        }
    }
    Ok(section)
}

fn exported(library: &Path) -> Result<BTreeSet<String>, String> {
    let symbols = tool::output(
        Command::new("nm")
            .args(["--dynamic", "--defined-only", "--format=posix"])
            .arg(library),
    )?;
    Ok(symbols
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}

/// Returns the names after `external fun`.
fn called(kotlin: &str) -> BTreeSet<&str> {
    kotlin
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("external fun "))
        .filter_map(|rest| rest.split('(').next())
        .collect()
}

fn needed(section: &str) -> Vec<&str> {
    section
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0))
        .collect()
}

/// The tags as numbers: readelf has no names for Android's.
fn tags(section: &str) -> impl Iterator<Item = u64> {
    section
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.strip_prefix("0x"))
        .filter_map(|hexadecimal| u64::from_str_radix(hexadecimal, 16).ok())
}

fn load_alignments(headers: &str) -> Vec<u64> {
    headers
        .lines()
        .filter(|line| line.trim_start().starts_with("LOAD"))
        .filter_map(|line| line.split_whitespace().last()?.strip_prefix("0x"))
        .filter_map(|hexadecimal| u64::from_str_radix(hexadecimal, 16).ok())
        .collect()
}

/// The patterns of `-keep class ..` rules that keep all members.
fn kept(rules: &str) -> Vec<&str> {
    rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-keep class "))
        .filter_map(|rest| rest.split_once(" { *; }"))
        .map(|(pattern, _)| pattern)
        .collect()
}

/// Whether a `-keepattributes` rule names it.
fn keeps_attribute(rules: &str, attribute: &str) -> bool {
    rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-keepattributes "))
        .flat_map(|rest| rest.split(','))
        .any(|name| name.trim() == attribute)
}

/// `**` stands for anything, dots included; the rest for itself.
fn matches(pattern: &str, class: &str) -> bool {
    match pattern.strip_suffix("**") {
        Some(prefix) => class.starts_with(prefix),
        None => class == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readelf_prints_is_read() {
        let section = " 0x0000000000000001 (NEEDED)  Shared library: [libgcc_s.so.1]\n 0x0 (SONAME) Library soname: [x]\n";
        assert_eq!(needed(section), ["libgcc_s.so.1"]);
        let packed = " Tag Type Name/Value\n 0x0000000060000011 (Operating System specific: 60000011) 0x3e00\n";
        assert_eq!(tags(packed).collect::<Vec<_>>(), [0x6000_0011]);
        let headers =
            "  LOAD  0x000000 0x0 0x0 0x08 0x08 R   0x4000\n  DYNAMIC 0x1 0x1 0x1 0x1 0x1 RW 0x8\n";
        assert_eq!(load_alignments(headers), [0x4000]);
    }

    #[test]
    fn rules_keep_what_they_name() {
        let rules = "# a word\n-keep class im.snapback.ffi.** { *; }\n-keep class a.B { *; }\n-dontwarn x.**\n";
        let kept = kept(rules);
        assert_eq!(kept, ["im.snapback.ffi.**", "a.B"]);
        assert!(matches(kept[0], "im.snapback.ffi.UniffiLib"));
        assert!(matches(kept[1], "a.B") && !matches(kept[1], "a.B$C"));
    }

    #[test]
    fn attributes_are_kept_by_name() {
        let rules = "-keepattributes Signature, RuntimeVisibleAnnotations\n";
        assert!(keeps_attribute(rules, "RuntimeVisibleAnnotations"));
        assert!(keeps_attribute(rules, "Signature"));
        assert!(!keeps_attribute(rules, "AnnotationDefault"));
        assert!(!keeps_attribute("# -keepattributes Signature", "Signature"));
    }

    #[test]
    fn what_javap_prints_is_read() {
        let printed = "  private final int code;\n    descriptor: I\n\n  public static final a.R f(java.lang.String, long);\n    descriptor: (Ljava/lang/String;J)La/R;\n";
        assert_eq!(descriptor(printed, "code"), Some("I"));
        assert_eq!(descriptor(printed, "f"), Some("(Ljava/lang/String;J)La/R;"));
        assert_eq!(descriptor(printed, "g"), None);
    }
}
